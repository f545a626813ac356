#!/usr/bin/env bash
# Builds the object of the soak test.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/bpf-clang.sh
bpf_clang v3 testdata/soak/soak.c testdata/soak/soak.o
