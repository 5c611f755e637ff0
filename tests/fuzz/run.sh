#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs each libFuzzer target for some seconds, starting from its corpus. New inputs go to
# build/fuzz/found/<name>, never into the repository. Usage: run.sh SECONDS [NAME...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

seconds=${1:-60}
if [ $# -gt 0 ]; then shift; fi
tests/build.sh fuzz fuzzers
failed=()
for program in build/fuzz/tests/*_fuzz; do
    [ -x "$program" ] || continue
    name=$(basename "$program" _fuzz)
    if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then continue; fi
    found=build/fuzz/found/$name
    mkdir -p "$found"
    corpus=()
    if [ -d "tests/fuzz/corpus/$name" ]; then corpus=("tests/fuzz/corpus/$name"); fi
    if "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=65536 \
        -artifact_prefix="$found/" "$found" "${corpus[@]}" >"build/fuzz/$name.log" 2>&1; then
        echo "fuzz: $name: $(grep -E '^Done ' "build/fuzz/$name.log" || echo done)"
    else
        tail -n 40 "build/fuzz/$name.log" >&2
        echo "fuzz: $name: FAILED; inputs in $found, output in build/fuzz/$name.log" >&2
        failed+=("$name")
    fi
done
if [ ${#failed[@]} -gt 0 ]; then
    echo "fuzz: failed: ${failed[*]}" >&2
    exit 1
fi
