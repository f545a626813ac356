#!/usr/bin/env bash
# Rebuilds the object of package rivettest's own tests.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/bpf-clang.sh
bpf_clang v3 rivettest/testdata/kit.c rivettest/testdata/kit.o
