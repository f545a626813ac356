#!/usr/bin/env bash
# Rebuilds the objects of what is done in the kernel and in rivet alike (internal/kerneltest).
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/bpf-clang.sh
for src in testdata/world/*.c; do
	bpf_clang v3 "$src" "${src%.c}.o"
done
