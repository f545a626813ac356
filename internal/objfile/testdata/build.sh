#!/usr/bin/env bash
# Rebuilds the objects that package objfile mends. Debian's bpftool links two of them into one.
set -euo pipefail
cd "$(dirname "$0")/../../.."
. scripts/bpf-clang.sh
dir=internal/objfile/testdata
for src in "$dir"/*.c; do
	bpf_clang v4 "$src" "${src%.c}.o"
done
for src in "$dir"/*.S; do
	"$CLANG" --target=bpf -c "$src" -o "${src%.S}.o"
done
bpftool gen object "$dir/linked.o" "$dir/dup1.o" "$dir/dup2.o"
rm "$dir/dup1.o" "$dir/dup2.o"
