#!/usr/bin/env bash
# Rebuilds bench/obj (BPF objects) and bench/native (RV64 executables) from bench/src.
#
#   NAME.o       clang -O2 -g --target=bpf -mcpu=v3
#   NAME.v4.o    the same with -mcpu=v4
#   native/MARCH/NAME.elf, native/repeat/NAME.elf
#                clang -O2 --target=riscv64-linux-gnu -march=MARCH -fno-pic, linked by GNU ld,
#                whose relaxation (auipc+jalr to jal, lui to c.lui, loads through gp) the
#                figures in linux-riscv64.json have: lld does less of it. Those in repeat are for
#                rv64gc and call the program many times, to measure a machine's speed.
#
# DWARF is stripped from the BPF objects; BTF and its line information stay.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/bpf-clang.sh
CROSS=${CROSS:-riscv64-linux-gnu-}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

sed 's/ /, 0x/g; s/^/.byte 0x/' bench/packet.hex >"$tmp/packet.inc"

# How often a program is called for about 200 million retired instructions.
declare -A repeat=([alu32_murmur]=50000 [atomics]=100000 [bpf2bpf]=16000 [csum_bswap]=230000 [divmod]=35000
	[fnv_xorshift]=18000 [map_counter]=440000 [pkt_parse]=1500000 [signed_ops]=500000 [siphash]=340000
	[stack_rc4]=34000 [state_machine]=98000 [tailchain33]=540000)

native() { # program march directory [flag of the harness...]
	local entry=bench_$1 out=bench/native/$3/$1.elf
	local flags=(-O2 --target=riscv64-linux-gnu "-march=$2" -fno-pic)
	local harness=("${@:4}")
	"$CLANG" "${flags[@]}" -DNATIVE -c "bench/src/$1.c" -o "$tmp/$1.o"
	"$CLANG" "${flags[@]}" -ffreestanding -fno-builtin -c bench/native/report.c -o "$tmp/report.o"
	"$CLANG" "${flags[@]}" "${harness[@]}" -DPROGRAM="$entry" -I"$tmp" -c bench/native/start.S -o "$tmp/start.o"
	"${CROSS}ld" -static -z noexecstack --build-id=none --no-warn-rwx-segments \
		-e _start "$tmp/$1.o" "$tmp/start.o" "$tmp/report.o" -o "$out"
	"$LLVM_STRIP" -g "$out"
}

mkdir -p bench/obj bench/native/{rv64gc,rv64gc_zba_zbb,repeat}
for src in bench/src/*.c; do
	name=$(basename "$src" .c)
	for cpu in v3 v4; do
		[ $cpu = v3 ] && obj=bench/obj/$name.o || obj=bench/obj/$name.$cpu.o
		bpf_clang $cpu "$src" "$obj" -Wno-unused-function
	done
	for march in rv64gc rv64gc_zba_zbb; do
		native "$name" "$march" "$march"
	done
	if [ -n "${repeat[$name]-}" ]; then
		native "$name" rv64gc repeat "-DREPEAT=${repeat[$name]}"
	fi
done
