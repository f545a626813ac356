#!/bin/sh
# Builds the objects of this directory. Paths are made relative, so that the
# objects do not depend on where they are built.
set -eu
cd "$(dirname "$0")"
clang=${CLANG:-clang-19}
for src in *.c; do
	name=${src%.c}
	cpu=v3
	[ "$name" = v4 ] && cpu=v4
	"$clang" -O2 -g -Wall -Wno-unused-variable -Wno-unused-const-variable -mcpu="$cpu" --target=bpfel \
		-ffile-prefix-map="$PWD"=. -fdebug-compilation-dir=. -c "$src" -o "$name.o"
	llvm-strip-19 -g "$name.o"
done
