#!/usr/bin/env bash
# Installs what tests (or, with "objects", what rebuilding the objects too) need on Debian 12: the compilers,
# disassemblers and emulators that they are compared with. Does nothing when all of it is there.
set -euo pipefail

declare -A package=(
	[clang-19]=clang-19
	[llvm-mc-19]=llvm-19
	[llvm-objdump-19]=llvm-19
	[ld.lld-19]=lld-19
	[qemu-riscv64-static]=qemu-user-static
	[riscv64-linux-gnu-objdump]=binutils-riscv64-linux-gnu
	[gdb-multiarch]=gdb-multiarch
	[ip]=iproute2
	[gcc]='gcc libc6-dev'
)
case ${1:-test} in
test | race) ;;
objects) package[/usr/include/bpf/bpf_helpers.h]='libbpf-dev linux-libc-dev' package[bpftool]=bpftool ;;
*)
	echo "usage: $0 [test|race|objects]" >&2
	exit 2
	;;
esac

missing=()
for tool in "${!package[@]}"; do
	command -v "$tool" >/dev/null || [ -e "$tool" ] || missing+=(${package[$tool]})
done
[ ${#missing[@]} -eq 0 ] && exit 0
echo "installing: ${missing[*]}" >&2

if ! command -v apt-get >/dev/null; then
	echo "these Debian packages, or your system's like, are missing: ${missing[*]}" >&2
	exit 1
fi
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq >&2
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
