#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A window that outlasts a bounded input ends with the exact ranking of all of it; a short window
# shows exactly what was put in, and forgets it when it has slid out. One and two workers.
# Labels: asan
set -euo pipefail
export LC_ALL=C
: "${GALE:?path of the gale binary}" "${GALE_BUILD:?}" "${GALE_SOURCE:?}"
here=$GALE_SOURCE/topologies/rolling
lib=$GALE_BUILD/topologies/rolling
dir=$(mktemp -d)
run=
trap 'exec 3>&-; [ -z "$run" ] || wait $run || true; rm -rf "$dir"' EXIT

# The words of the topology's spout as text, and their ranking by other tools.
count=50000
cat >"$dir/words.yaml" <<YAML
name: words
spouts:
  words:
    type: generator
    sentences: [ nathan, mike, nathan, jackson, golda, nathan, bertels, mike ]
    count: $count
bolts:
  print: { type: print, from: [ words ] }
YAML
"$GALE" run "$dir/words.yaml" --fresh --no-view --state-dir "$dir/state" >"$dir/words" \
    2>"$dir/report"
expected=$(sort "$dir/words" | uniq -c | sort -k1,1nr -k2,2 | head -4 |
    awk '{ printf "%s%s:%d", (NR > 1 ? " " : ""), $2, $1 }')
for workers in 1 2; do
    found=$("$GALE" run "$here/rolling.yaml" -D lib="$lib" -D workers=$workers -D top=4 \
        -D count=$count -D rate=0 -D tick=1h --fresh --no-view --state-dir "$dir/state" \
        2>"$dir/report")
    if [ "$found" != "$expected" ]; then
        echo "not ok - ranking of all words: \"$found\" instead of \"$expected\""
        cat "$dir/report"
        exit 1
    fi
    echo "ok - ranking of all words in $workers worker(s): $found"
done

# Sliding: three slots of 150 ms. What is written at once may fall into two slots, so a ranking may
# appear in steps; it never exceeds what was written, and reaches it.
cat >"$dir/sliding.yaml" <<YAML
name: sliding
workers: \${workers}
include: $here/ranking.yaml
spouts:
  words: { type: stdin, field: word }
YAML
await() { # LINE FIRST: a line after the first FIRST ones is LINE
    for ((i = 0; i < 400; i++)); do
        if tail -n "+$(($2 + 1))" "$dir/out" | grep -qxF -- "$1"; then return; fi
        sleep 0.05
    done
    echo "not ok - no ranking \"$1\" within 20 s; there were:"
    sort "$dir/out" | uniq -c
    exit 1
}
for workers in 1 2; do
    rm -f "$dir/in" "$dir/out"
    mkfifo "$dir/in"
    : >"$dir/out"
    "$GALE" run "$dir/sliding.yaml" -D lib="$lib" -D workers=$workers -D tick=150ms --fresh \
        --no-view --state-dir "$dir/state" <"$dir/in" >"$dir/out" 2>"$dir/report" &
    run=$!
    exec 3>"$dir/in"
    printf 'c\na\nb\na\nb\na\n' >&3
    await "a:3 b:2 c:1" 0
    seen=$(wc -l <"$dir/out")
    await "-" "$seen"
    seen=$(wc -l <"$dir/out")
    printf 'b\na\nb\n' >&3
    await "b:2 a:1" "$seen"
    exec 3>&-
    wait $run || { cat "$dir/report"; exit 1; }
    run=
    if grep -E '(a:[4-9]|b:[3-9]|c:[2-9])' "$dir/out"; then
        echo "not ok - the rankings above count more than was written"
        exit 1
    fi
    echo "ok - sliding in $workers worker(s)"
done
