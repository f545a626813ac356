#!/usr/bin/env bash
# Builds the objects of the golden listings.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/bpf-clang.sh
for src in testdata/listing/*.c; do
	bpf_clang v3 "$src" "${src%.c}.o"
done
