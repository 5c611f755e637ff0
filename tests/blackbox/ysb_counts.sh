#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The Yahoo benchmark's pipelines from JSON and from values count the same, exactly what the
# generator emitted, with one and two workers and both guarantees; so does a run that ends by time;
# a result that was altered is caught.
# Labels: asan
set -euo pipefail
export LC_ALL=C
: "${GALE:?path of the gale binary}" "${GALE_BUILD:?}"
bench=$GALE_BUILD/bench
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
count=100000
if [ -n "${GALE_SANITIZE:-}" ]; then count=20000; fi

# run FORMAT [OPTION...]: leaves the result in $dir/result.
run() {
    local format=$1
    shift
    rm -f "$dir/result"
    "$GALE" run "$bench/ysb-$format.yaml" -D result="$dir/result" "$@" --fresh --no-view \
        --state-dir "$dir/state" >"$dir/out" 2>"$dir/report" || { cat "$dir/report"; exit 1; }
}

for format in json binary; do
    for workers in 1 2; do
        for guarantee in at-least-once at-most-once; do
            run $format -D workers=$workers -D guarantee=$guarantee -D count=$count -D seed=9 \
                -D skew=true -D step_us=1000
            "$bench/ysb_check" "$dir/result" >"$dir/verdict"
            grep -q "^ok: $count events, .*, 0 views too many$" "$dir/verdict"
            sed -n 's/^\(window [^ ]* [0-9]* [0-9]*\) .*/\1/p' "$dir/result" | sort >"$dir/counts"
            if [ -e "$dir/expected" ]; then cmp "$dir/expected" "$dir/counts"; fi
            mv "$dir/counts" "$dir/expected"
            echo "ok - $format, $workers worker(s), $guarantee: $(cat "$dir/verdict")"
        done
    done
done

run json -D workers=2 --duration 1s
"$bench/ysb_check" "$dir/result" >"$dir/verdict"
echo "ok - at full speed until time is up: $(cat "$dir/verdict")"

run binary -D rate=20000 --duration 1s
"$bench/ysb_check" "$dir/result" >"$dir/verdict"
echo "ok - at a rate, in real time: $(head -n 1 "$dir/verdict")"

# caught WHAT SED_SCRIPT: the check of the altered result fails and says so.
caught() {
    sed "$2" "$dir/result" >"$dir/altered"
    if cmp -s "$dir/result" "$dir/altered"; then
        echo "not ok - nothing was altered: $1"
        exit 1
    fi
    if "$bench/ysb_check" "$dir/altered" >"$dir/verdict" 2>&1; then
        echo "not ok - passed: $1"
        exit 1
    fi
    echo "ok - $1: $(cat "$dir/verdict")"
}
run binary -D workers=2 -D count=1000
caught "a count too large" '2s/\( [0-9]*\)\( [0-9]*\)$/\11\2/'
caught "a window lost" '2d'
caught "events too many" '$s/[0-9]*$/520/'
caught "a task lost" '$d'
caught "another seed" 's/^\(events . .\) 1/\1 2/'
caught "no end" '/^end/d'
