#!/usr/bin/env bash
# Rebuilds tailcalls.o. -ffreestanding because main takes a context here, not argc.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/bpf-clang.sh
bpf_clang v3 examples/tailcalls/tailcalls.c examples/tailcalls/tailcalls.o -ffreestanding
