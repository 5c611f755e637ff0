#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every order comes out once, with the price and the weight that awk finds for it, in one and in two
# workers, also when one branch of many trees fails; and the report counts those failures.
# Labels: asan
set -euo pipefail
export LC_ALL=C
: "${GALE:?path of the gale binary}" "${GALE_BUILD:?}" "${GALE_SOURCE:?}"
file=$GALE_SOURCE/topologies/branches/branches.yaml
lib=$GALE_BUILD/topologies/branches
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
count=20000

# The same orders as the topology's spout makes, as text.
cat >"$dir/orders.yaml" <<YAML
name: orders
spouts:
  orders: { type: generator, template: "{seq} {choice:pen|book|lamp} {rand:1:9}", count: $count }
bolts:
  print: { type: print, from: [ orders ] }
YAML
"$GALE" run "$dir/orders.yaml" --fresh --no-view --state-dir "$dir/state" >"$dir/orders" \
    2>"$dir/report"
awk 'BEGIN { cents["pen"] = 120; cents["book"] = 1995; cents["lamp"] = 4250
             grams["pen"] = 15; grams["book"] = 640; grams["lamp"] = 1800 }
     { printf "%s\t%d\t%d\n", $1, $3 * cents[$2], $3 * grams[$2] }' "$dir/orders" |
    sort >"$dir/expected"
[ "$(wc -l <"$dir/expected")" -eq $count ]

for workers in 1 2; do
    for every in 0 7 1; do
        "$GALE" run "$file" -D lib="$lib" -D workers=$workers -D count=$count \
            -D fail_every=$every --fresh --json --state-dir "$dir/state" >"$dir/json" \
            2>"$dir/out" || { cat "$dir/out"; exit 1; }
        # With --json stdout holds the report alone, and what is printed goes to stderr.
        grep '^[0-9]' "$dir/out" | sort | diff "$dir/expected" -
        python3 - "$dir/json" $count $every <<'PY'
import json, sys
report = json.load(open(sys.argv[1]))
count, every = int(sys.argv[2]), int(sys.argv[3])
orders, price = report["spouts"]["orders"], report["bolts"]["price"]
expected = 0 if every == 0 else (count + every - 1) // every
assert orders["acked"] == count, orders
assert orders["failed"] == expected, (orders, expected)
assert orders["timed_out"] == 0, orders
assert price["failed"] == expected, (price, expected)
PY
        echo "ok - $workers worker(s), fail_every $every"
    done
done
