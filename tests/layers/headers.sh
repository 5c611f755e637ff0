#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Each public header compiles alone, as C11 and as C++17, with only the public headers in reach.
# Usage: headers.sh ROOT
set -uo pipefail

root=$1
failed=0 count=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

compile() { # compile COMPILER STANDARD LANGUAGE HEADER
    count=$((count + 1))
    if ! echo "#include <gale/$4>" | "$1" -x "$3" "-std=$2" -pedantic -Wall -Wextra -Werror \
        -Wundef -I "$root/runtime/include" -fsyntax-only - 2>"$scratch/errors"; then
        echo "<gale/$4> does not compile alone as $2 with $1:"
        cat "$scratch/errors"
        failed=$((failed + 1))
    fi
}

for path in "$root"/runtime/include/gale/*.h; do
    header=$(basename "$path")
    for c in gcc clang-14; do
        if command -v $c >/dev/null; then compile $c c11 c "$header"; fi
    done
    for cxx in g++ clang++-14; do
        if command -v $cxx >/dev/null; then compile $cxx c++17 c++ "$header"; fi
    done
done
echo "$count compilations, $failed failed"
[ "$failed" -eq 0 ] && [ "$count" -gt 0 ]
