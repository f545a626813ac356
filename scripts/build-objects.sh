#!/usr/bin/env bash
# Rebuilds every committed object by running the build.sh beside its sources.
# The committed ones were made by Debian's clang 19.1.7; another version may give other, equally right code.
set -euo pipefail
cd "$(dirname "$0")/.."
"${CLANG:-clang-19}" --version | head -1
find bench examples testdata internal rivettest -name build.sh -type f | sort | while read -r script; do
	echo "$script"
	bash "$script"
done
