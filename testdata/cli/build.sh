#!/usr/bin/env bash
# Builds the objects of the command's tests.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/bpf-clang.sh
for src in testdata/cli/*.c; do
	bpf_clang v3 "$src" "${src%.c}.o"
done
