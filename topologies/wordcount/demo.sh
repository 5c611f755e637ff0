#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Counts the words of a text with two worker processes, shows the throughput while it runs, then the
# most frequent words, and checks every count against `tr | sort | uniq -c`. Leaves nothing behind.
# Usage: demo.sh [PATH]   a file or a folder; default /usr/share/common-licenses
# DEMO_MB: at least so many megabytes are counted (600); a shorter text is read again and again.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source=$(cd "$here/../.." && pwd)
build=${GALE_BUILD:-$source/build/release}
gale=${GALE:-$build/gale}
lib=${GALE_LIB:-$build/topologies/wordcount}
path=${1:-/usr/share/common-licenses}
wanted=$((${DEMO_MB:-600} * 1000000))
unit_size=8000000

die() {
    echo "demo: $*" >&2
    exit 1
}

[ -x "$gale" ] || die "no program $gale; run \`make build\`, or set GALE to the gale binary"
[ -e "$lib/libsplit.so" ] || die "no module $lib/libsplit.so; run \`make build\`, or set GALE_LIB"
[ -r "$path" ] || die "cannot read $path; give a file or a folder: demo.sh PATH"

scratch=$(mktemp -d "${TMPDIR:-/tmp}/gale-demo.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir "$scratch/input"

# The text once: the regular files, each with a line end behind its last line.
mapfile -d '' -t files < <(find -H "$path" -type f -readable -size +0 -print0 | sort -z)
[ ${#files[@]} -gt 0 ] || die "no file with text in $path"
sed -s -e '$a\' -- "${files[@]}" >"$scratch/text"
size=$(stat -c %s "$scratch/text")

# How often it is counted: the text is repeated in one file of some megabytes, and that file is
# read under several names.
repeats=1
links=1
if [ "$size" -lt "$wanted" ]; then
    repeats=$(((unit_size + size - 1) / size))
    links=$(((wanted + size * repeats - 1) / (size * repeats)))
fi
for ((i = 0; i < repeats; i++)); do cat "$scratch/text"; done >"$scratch/unit"
for ((i = 0; i < links; i++)); do ln -s ../unit "$scratch/input/$i"; done
copies=$((repeats * links))

echo "demo: ${#files[@]} files of $path, $size bytes"
if [ "$copies" -gt 1 ]; then
    echo "demo: so little text is counted in a blink, so it is read $copies times:" \
        "$((size * copies / 1000000)) MB"
fi
echo "demo: gale run wordcount.yaml, 2 workers, at-least-once"
"$gale" run --progress --fresh --state-dir "$scratch/state" "$here/wordcount.yaml" \
    -D lib="$lib" -D workers=2 -D input="$scratch/input/*" >"$scratch/counts"

echo
echo "The 20 most frequent words of $path:"
sort -t "$(printf '\t')" -k2,2nr -k1,1 "$scratch/counts" |
    awk -F '\t' 'NR <= 20 { printf "%12d  %s\n", $2, $1 }'

# The same definition of a word, made of other tools.
tr 'A-Z' 'a-z' <"$scratch/text" | tr -cs 'a-z' '\n' | sort | uniq -c |
    awk -v copies="$copies" '$2 != "" { printf "%s\t%d\n", $2, $1 * copies }' |
    sort >"$scratch/expected"
sort "$scratch/counts" >"$scratch/found"
if ! cmp -s "$scratch/expected" "$scratch/found"; then
    echo "demo: WRONG: these counts differ (< expected, > counted):" >&2
    diff "$scratch/expected" "$scratch/found" | awk '/^[<>]/ && ++n <= 20' >&2 || true
    exit 1
fi
words=$(awk -F '\t' '{ n += $2 } END { printf "%d", n }' "$scratch/found")
echo
echo "demo: checked: all $(wc -l <"$scratch/found") counts, $words words in all, equal those of" \
    "tr | sort | uniq -c$([ "$copies" -eq 1 ] || echo " (times $copies)")"
