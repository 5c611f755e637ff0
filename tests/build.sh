#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Configures and builds one preset into build/<preset>. Prints only what fails.
# Usage: build.sh PRESET [TARGET...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

preset=$1
shift
log=build/$preset.log
mkdir -p build
run() {
    if ! "$@" >"$log" 2>&1 </dev/null; then
        grep -v '^\[[0-9]*/[0-9]*\]' "$log" >&2 || true
        echo "build: '$*' failed; the whole output is in $log" >&2
        exit 1
    fi
}
# Always configured anew, which costs a second, so that a moved or copied tree builds too.
if [ -e "build/$preset/CMakeCache.txt" ] &&
    ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$PWD" "build/$preset/CMakeCache.txt"; then
    rm -rf "build/$preset"
fi
run cmake --preset "$preset"
targets=()
for target in "$@"; do targets+=(--target "$target"); done
run cmake --build "build/$preset" "${targets[@]}"
