#!/usr/bin/env bash
# Rebuilds firewall.o and traffic.pcap.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/bpf-clang.sh
bpf_clang v3 examples/firewall/firewall.c examples/firewall/firewall.o
go run ./examples/firewall/gen examples/firewall/traffic.pcap
