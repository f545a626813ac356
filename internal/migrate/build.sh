#!/usr/bin/env bash
# Makes the Go code of limiter.c with cilium/ebpf's bpf2go, and moves it and the test that uses it to rivet by changing the import.
set -euo pipefail
cd "$(dirname "$0")/../.."
dir=internal/migrate
GOPACKAGE=migrate go run github.com/cilium/ebpf/cmd/bpf2go -cc "${CLANG:-clang-19}" -strip "${LLVM_STRIP:-llvm-strip-19}" \
	-target bpfel -output-dir $dir/cilium -type stats limiter $dir/limiter.c -- \
	-O2 -mcpu=v3 -fdebug-compilation-dir=. -Wall -Werror -idirafter "/usr/include/$(uname -m)-linux-gnu"
cp $dir/cilium/limiter_bpfel.o $dir/rivet
for file in limiter_bpfel.go limiter_test.go; do
	sed 's|"github.com/cilium/ebpf"|ebpf "github.com/rivetbpf/rivet"|' $dir/cilium/$file >$dir/rivet/$file
done
gofmt -l $dir
