#!/usr/bin/env bash
# Rebuilds dispatch.o and traffic.pcap.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/bpf-clang.sh
bpf_clang v3 examples/dispatch/dispatch.c examples/dispatch/dispatch.o
go run ./examples/dispatch/gen examples/dispatch/traffic.pcap
