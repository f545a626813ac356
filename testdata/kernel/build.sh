#!/usr/bin/env bash
# Rebuilds the objects of the comparison with the kernel.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/bpf-clang.sh
for src in testdata/kernel/*.c; do
	bpf_clang v3 "$src" "${src%.c}.o"
done
