#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `gale new` writes directories that build, test and run as they stand, and overwrites nothing.
set -eu
: "${GALE:?path of the gale binary}"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export XDG_STATE_HOME=$dir/state

fail() {
    echo "not ok - $*"
    exit 1
}

for kind in bolt spout; do
    "$GALE" new $kind my-$kind >files 2>next
    grep -q "^my-$kind/my-$kind.c$" files || fail "$kind: the list of files"
    grep -q "make test" next || fail "$kind: the next command"
    (
        cd my-$kind
        make CFLAGS="-O1 -Wall -Wextra -Werror" >../log 2>&1 || { cat ../log; exit 1; }
        make CFLAGS="-O1 -Wall -Wextra -Werror" test >../log 2>&1 || { cat ../log; exit 1; }
    ) || fail "$kind: make and make test"
    grep -q "^ok - " log || fail "$kind: the test says what it checked"
    ! grep -q "^not ok" log || fail "$kind: its test"
    (
        export PATH=${GALE%/*}:$PATH
        cmake -S my-$kind -B build-$kind && cmake --build build-$kind &&
            ctest --test-dir build-$kind --no-tests=error
    ) >log 2>&1 || { cat log; fail "$kind: cmake, with the gale in PATH"; }
    "$GALE" components --module my-$kind/libmy-$kind.so -q | grep -qx "my-$kind" ||
        fail "$kind: the module shows its component"
    "$GALE" validate --strict my-$kind/my-$kind.yaml || fail "$kind: its topology is invalid"
    echo "ok - new $kind builds and tests"
done

code=0
"$GALE" new bolt my-bolt >/dev/null 2>err || code=$?
[[ $code -eq 73 ]] || fail "an existing directory gives $code instead of 73"
grep -q "nothing is overwritten" err || fail "says that nothing is overwritten"
for name in ../up "a b" 1st __x "" a/b; do
    code=0
    "$GALE" new bolt "$name" >/dev/null 2>err || code=$?
    [[ $code -eq 64 ]] || fail "the name '$name' gives $code instead of 64"
done
echo "ok - names are checked and nothing is overwritten"

# Names that mean something in a topology file, in C, to make or to CMake, or are as long as may be.
longest=$(printf 'n%.0s' $(seq 64))
mkdir names
for name in out sentences null NULL True int main all test clean gale gale_bench lib "$longest"; do
    for kind in bolt spout; do
        rm -rf "names/$name" "$XDG_STATE_HOME"
        "$GALE" new $kind "$name" --dir names >/dev/null 2>&1 || fail "new $kind $name"
        make -C "names/$name" CFLAGS="-O1 -Wall -Wextra -Werror" all test >log 2>&1 ||
            { cat log; fail "$kind $name: make and make test"; }
        (cd "names/$name" && timeout 60 "$GALE" run "$name.yaml" >../../out 2>../../err) ||
            { cat err; fail "$kind $name: its topology"; }
        [[ $(wc -l <out) -eq 10 ]] || { cat out err; fail "$kind $name prints 10 lines"; }
    done
    rm -rf "names/$name"
    "$GALE" new topology "$name" --dir names >/dev/null 2>&1 || fail "new topology $name"
    "$GALE" validate --strict -q "names/$name/$name.yaml" || fail "topology $name is valid"
done
for name in test all gale; do
    rm -rf "names/$name"
    "$GALE" new bolt "$name" --dir names >/dev/null 2>&1 || fail "new bolt $name"
    (
        export PATH=${GALE%/*}:$PATH
        cmake -S "names/$name" -B "names/$name/build" && cmake --build "names/$name/build" &&
            ctest --test-dir "names/$name/build" --no-tests=error
    ) >log 2>&1 || { cat log; fail "bolt $name: cmake"; }
done
echo "ok - any accepted name builds, tests and runs"

"$GALE" new topology words --dir "$dir" >/dev/null 2>&1
make -C words GALE="$GALE" test >log 2>&1 || { cat log; fail "new topology: make test"; }
echo "ok - new topology is valid"

(cd my-bolt && timeout 60 "$GALE" run my-bolt.yaml >../out 2>../err) || { cat err; fail "run my-bolt"; }
[[ $(grep -c "[A-Z]" out) -eq 10 ]] || { cat out; fail "the bolt's topology prints 10 lines"; }
! grep -q "[a-z]" out || { cat out; fail "the bolt's lines are in upper case"; }
(cd my-spout && timeout 60 "$GALE" run my-spout.yaml 2>../err | sort -n >../out) ||
    { cat err; fail "run my-spout"; }
seq 10 | diff - out || fail "the spout's topology prints 1 to 10"
timeout 60 "$GALE" run words/words.yaml -D count=100 >out 2>err || { cat err; fail "run words"; }
grep -q "the" out || { cat out; fail "the topology counts words"; }
"$GALE" run words/words.yaml -D count=100 --fresh --json 2>err | python3 -c '
import json, sys
report = json.load(sys.stdin)
assert report["schema"] == 1 and report["end"] == "completed", report
assert report["spouts"]["sentences"]["acked"] == 100, report
assert report["workers"][0]["rss_peak_kb"] > 0, report
' || { cat err; fail "run --json is one document on stdout"; }
grep -q "the" err || fail "with --json the print bolt writes to stderr"
echo "ok - all of them run"
