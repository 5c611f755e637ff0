#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every count of the word count topology and of its demo equals that of `tr | sort | uniq -c`, in one
# and in two worker processes; a wrong count would make the demo fail.
# Labels: asan
set -euo pipefail
export LC_ALL=C
: "${GALE:?path of the gale binary}" "${GALE_BUILD:?}" "${GALE_SOURCE:?}"
here=$GALE_SOURCE/topologies/wordcount
lib=$GALE_BUILD/topologies/wordcount
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# Real text, and lines that are hard to split: empty, long, no word, bytes that are no ASCII, CRLF,
# no line end at the end.
mkdir "$dir/in"
cp "$GALE_SOURCE/LICENSE" "$dir/in/a"
cp "$GALE_SOURCE/docs/topology-file.md" "$dir/in/b"
{
    printf 'One\n\n  two\ttwo \r\n123 @[`{ -\nna\303\257ve \377x\0y\n'
    head -c 100000 /dev/zero | tr '\0' 'w'
    printf '\n'
    head -c 1000000 /dev/zero | tr '\0' ' '
    printf 'end\nLast'
} >"$dir/in/c"
(cat "$dir/in/a" "$dir/in/b" "$dir/in/c") | tr 'A-Z' 'a-z' | tr -cs 'a-z' '\n' | sort | uniq -c |
    awk '$2 != "" { printf "%s\t%d\n", $2, $1 }' | sort >"$dir/expected"

for workers in 1 2; do
    "$GALE" run "$here/wordcount.yaml" -D lib="$lib" -D workers=$workers -D input="$dir/in/*" \
        --fresh --no-view --state-dir "$dir/state" >"$dir/counts" 2>"$dir/report"
    sort "$dir/counts" | diff "$dir/expected" - || { cat "$dir/report"; exit 1; }
    echo "ok - wordcount: $(wc -l <"$dir/expected") counts in $workers worker(s)"
done

# The demo, from another directory, twice; its temporary files go.
mkdir "$dir/tmp"
for path in "$GALE_SOURCE/LICENSE" "$dir/in"; do
    (cd "$dir" && TMPDIR=$dir/tmp DEMO_MB=5 bash "$here/demo.sh" "$path" >"$dir/demo" 2>&1) ||
        { cat "$dir/demo"; exit 1; }
    grep -q '^demo: checked: all ' "$dir/demo"
    [ "$(grep -cE '^ +[0-9]+  [a-z]+$' "$dir/demo")" -eq 20 ]
    [ -z "$(ls -A "$dir/tmp")" ]
    echo "ok - demo: $path"
done

# A gale that counts wrongly is caught.
cat >"$dir/liar" <<'LIAR'
#!/usr/bin/env bash
"$REAL_GALE" "$@" | sed 's/^the\t/teh\t/'
LIAR
chmod +x "$dir/liar"
if (REAL_GALE=$GALE GALE=$dir/liar TMPDIR=$dir/tmp DEMO_MB=1 bash "$here/demo.sh" \
    "$GALE_SOURCE/LICENSE" >"$dir/demo" 2>&1); then
    echo "not ok - the demo did not notice a wrong count"
    exit 1
fi
grep -q '^demo: WRONG' "$dir/demo"
[ -z "$(ls -A "$dir/tmp")" ]
echo "ok - demo: a wrong count is noticed"
