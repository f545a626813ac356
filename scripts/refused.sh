#!/usr/bin/env bash
# On a big-endian host every engine says that it cannot run there. Runs the command as an s390x program.
set -euo pipefail
cd "$(dirname "$0")/.."

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
CGO_ENABLED=0 GOOS=linux GOARCH=s390x ${GO:-go} build -o "$dir/rivet" ./cmd/rivet
for engine in hart interp; do
	if out=$(qemu-s390x-static "$dir/rivet" run examples/tailcalls/tailcalls.o --engine "$engine" 2>&1) ||
		! grep -q 'the host is big-endian' <<<"$out"; then
		echo "the $engine engine on s390x is not refused: $out" >&2
		exit 1
	fi
done
echo "$out"
