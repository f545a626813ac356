# Sourced by the build.sh scripts, from the repository's root.
#
# bpf_clang CPU SOURCE OBJECT [FLAG...] compiles one BPF object. The paths in its line information are
# relative to the root, and DWARF is stripped (BTF and its line information stay), so the same compiler
# gives the same bytes in any directory.
CLANG=${CLANG:-clang-19}
LLVM_STRIP=${LLVM_STRIP:-llvm-strip-19}

bpf_clang() {
	local cpu=$1 src=$2 obj=$3
	shift 3
	"$CLANG" -O2 -g --target=bpf -mcpu="$cpu" -fdebug-compilation-dir=. -Wall -Werror \
		-idirafter "/usr/include/$(uname -m)-linux-gnu" "$@" -c "$src" -o "$obj"
	"$LLVM_STRIP" -g "$obj"
}
