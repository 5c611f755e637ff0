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
# A build of another place or of other presets is of no use: a changed compiler makes CMake forget
# the settings of the preset without an error.
identity="$PWD $(sha256sum <CMakePresets.json)"
if [ "$(cat "build/$preset/identity" 2>/dev/null)" != "$identity" ]; then
    rm -rf "build/$preset"
    mkdir -p "build/$preset"
    echo "$identity" >"build/$preset/identity"
fi
run cmake --preset "$preset"
targets=()
for target in "$@"; do targets+=(--target "$target"); done
run cmake --build "build/$preset" "${targets[@]}"
