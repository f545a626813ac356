#!/usr/bin/env bash
# Rebuilds MARCH/NAME.elf here: clang's code for the programs of bench/src, to be entered in the same way as
# rivet's own, through the gate of the native engine, by `rivet bench-native`.
#
# They are loaded anywhere: code reaches all else relative to its own address (-mcmodel=medany), and for the
# addresses in data the relocations stay in the file (-q). x27, where Go keeps its goroutine and a signal
# handler looks for it, is nobody's.
set -euo pipefail
cd "$(dirname "$0")/../../.."
. scripts/bpf-clang.sh
CROSS=${CROSS:-riscv64-linux-gnu-}
here=bench/native/gate
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

for march in rv64gc rv64gc_zba_zbb; do
	mkdir -p $here/$march
	flags=(-O2 --target=riscv64-linux-gnu "-march=$march" -fno-pic -mcmodel=medany -ffixed-x27)
	"$CLANG" "${flags[@]}" -c $here/leave.S -o "$tmp/leave.o"
	for src in bench/src/*.c; do
		name=$(basename "$src" .c)
		"$CLANG" "${flags[@]}" -DNATIVE -c "$src" -o "$tmp/$name.o"
		"${CROSS}ld" -q -static -z noexecstack --build-id=none -T $here/layout.ld -e "bench_$name" \
			"$tmp/leave.o" "$tmp/$name.o" -o $here/$march/$name.elf
		"$LLVM_STRIP" -g $here/$march/$name.elf
	done
done
