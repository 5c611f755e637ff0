#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The exclamation topology gives exactly the words of its seed with six exclamation marks, from YAML
# and from C, in one and in two workers; both forms make the same plan.
# Labels: asan
set -euo pipefail
export LC_ALL=C
: "${GALE:?path of the gale binary}" "${GALE_BUILD:?}" "${GALE_SOURCE:?}"
file=$GALE_SOURCE/topologies/exclamation/exclamation.yaml
export lib=$GALE_BUILD/topologies/exclamation
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cat >"$dir/expected" <<'TEXT'
4 bertels!!!!!!
4 golda!!!!!!
5 jackson!!!!!!
3 mike!!!!!!
4 nathan!!!!!!
TEXT
for topology in "$file" "$lib/libexclaim.so:exclamation" "$lib/libexclaim.so"; do
    for workers in 1 2; do
        "$GALE" run "$topology" --workers $workers --fresh --no-view --state-dir "$dir/state" \
            >"$dir/out" 2>"$dir/report" || { cat "$dir/report"; exit 1; }
        sort "$dir/out" | uniq -c | awk '{ print $1, $2 }' | diff "$dir/expected" -
        echo "ok - ${topology##*/} in $workers worker(s)"
    done
done

# Many words: none lost, none twice.
"$GALE" run "$file" -D count=200000 --fresh --no-view --state-dir "$dir/state" >"$dir/out" \
    2>"$dir/report"
[ "$(wc -l <"$dir/out")" -eq 200000 ]
[ "$(grep -cvE '^(nathan|mike|jackson|golda|bertels)!!!!!!$' "$dir/out")" -eq 0 ]
echo "ok - 200000 words"

"$GALE" graph --format json "$file" >"$dir/yaml.json"
"$GALE" graph --format json "$lib/libexclaim.so:exclamation" >"$dir/c.json"
cmp "$dir/yaml.json" "$dir/c.json"
[ "$(workers=7 "$GALE" graph --format json "$lib/libexclaim.so" | cmp - "$dir/c.json" |
    wc -l)" -eq 1 ]
echo "ok - YAML and C make the same plan"
