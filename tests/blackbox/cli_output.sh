#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The command line's conventions: exit codes, clean stdout, JSON errors, colour, pipes.
set -u
: "${GALE:?path of the gale binary}"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failures=0

# expect NAME CODE STDOUT-PATTERN STDERR-PATTERN COMMAND…: an empty pattern means nothing is written.
expect() {
    local name=$1 code=$2 out=$3 err=$4 found
    shift 4
    "$@" >"$dir/out" 2>"$dir/err" </dev/null
    found=$?
    local bad=""
    [[ $found -eq $code ]] || bad="exit code $found instead of $code"
    for stream in out err; do
        local pattern=${!stream}
        if [[ -z $pattern && -s $dir/$stream ]]; then
            bad="$bad; std$stream is not empty"
        elif [[ -n $pattern ]] && ! grep -qE -- "$pattern" "$dir/$stream"; then
            bad="$bad; std$stream lacks /$pattern/"
        fi
    done
    if [[ -n $bad ]]; then
        echo "not ok - $name: ${bad#; }"
        sed 's/^/    out: /' "$dir/out" | head -20
        sed 's/^/    err: /' "$dir/err" | head -20
        failures=$((failures + 1))
    else
        echo "ok - $name"
    fi
}

check() {
    local name=$1
    shift
    if "$@"; then
        echo "ok - $name"
    else
        echo "not ok - $name"
        failures=$((failures + 1))
    fi
}

cat >"$dir/good.yaml" <<'YAML'
name: good
spouts:
  numbers: { type: generator, constant: x, count: 3 }
bolts:
  away: { type: "null", from: [ { numbers: shuffle } ] }
YAML
cat >"$dir/bad.yaml" <<'YAML'
name: bad
spouts:
  numbers: { type: generator, constant: x, count: 3 }
bolts:
  split: { type: split, from: [ { numbers: shuffle } ] }
  away: { type: "null", from: [ { split: { fields: [wrod] } } ] }
YAML

expect "no command prints the help on stderr" 64 "" "Commands:" "$GALE"
expect "help prints the commands on stdout" 0 "^  validate " "" "$GALE" help
expect "--help of a verb" 0 "^Usage: gale run" "" "$GALE" run --help
expect "exit codes are documented" 0 "78  invalid_topology" "" "$GALE" help exit-codes
expect "unknown command suggests" 64 "" "did you mean .gale validate" "$GALE" valdiate
expect "unknown option suggests" 64 "" "did you mean --strict" "$GALE" validate --stict x.yaml
expect "error as JSON" 64 "" '^\{"error":\{"code":"usage","message":"unknown command' \
    "$GALE" nothing --json
expect "missing file" 66 "" "cannot read .*none.yaml" "$GALE" validate "$dir/none.yaml"
expect "missing file to run" 66 "" "cannot read .*none.yaml" "$GALE" run "$dir/none.yaml"
expect "time without unit" 64 "" "lacks its unit" "$GALE" run --duration 10 "$dir/good.yaml"
expect "definition without value" 64 "" "write -D key=value" "$GALE" run -D x "$dir/good.yaml"
expect "valid topology" 0 "good.yaml: ok: topology good, 1 spout, 1 bolt, 2 tasks" "" \
    "$GALE" validate "$dir/good.yaml"
expect "quiet and valid says nothing" 0 "" "" "$GALE" validate -q "$dir/good.yaml"
expect "version" 0 "^gale [0-9]+\.[0-9]+\.[0-9]+" "" "$GALE" version
expect "unknown component" 66 "" 'no component "nope"' "$GALE" components nope
expect "unknown shell" 64 "" "bash, zsh or fish" "$GALE" completion tcsh
expect "closed stdout is an error" 74 "" "cannot write to stdout" \
    bash -c '"$0" version >&-' "$GALE"
expect "full disk is an error" 74 "" "cannot write to stdout" \
    bash -c '"$0" components >/dev/full' "$GALE"
expect "closed stdin and stderr do no harm" 0 "^gale " "" \
    bash -c '"$0" version <&- 2>&-' "$GALE"

# The sample of the contract: place, code, source line, caret, suggestion.
(cd "$dir" && "$GALE" validate bad.yaml >golden.out 2>golden.err; echo $? >golden.code)
cat >"$dir/golden" <<'TEXT'
bad.yaml:6:58: error[E203]: stream "default" of "split" has no field "wrod"
 6 |   away: { type: "null", from: [ { split: { fields: [wrod] } } ] }
   |                                                     ^^^^  did you mean "word"?
1 error, 0 warnings                                       gale explain E203
TEXT
column=$(sed -n 6p "$dir/bad.yaml" | awk '{print index($0, "wrod")}')
sed -i "1s/:58:/:$column:/" "$dir/golden"
check "invalid topology exits 78" test "$(cat "$dir/golden.code")" = 78
check "errors look as promised" diff -u "$dir/golden" "$dir/golden.out"
check "errors as JSON are a list" bash -c '"$0" validate --json "$1" 2>/dev/null | python3 -c "
import json, sys
d = json.load(sys.stdin)
f = d[\"files\"][0]
assert not f[\"valid\"] and f[\"errors\"] == 1 and f[\"topology\"] is None
e = f[\"diagnostics\"][0]
assert e[\"code\"] == \"E203\" and e[\"line\"] == 6 and \"word\" in e[\"hint\"], e
"' "$GALE" "$dir/bad.yaml"

# Every --json document parses; lists are lists even when empty.
for words in "version" "components" "help" "help exit-codes" "doctor" "validate $dir/good.yaml"; do
    # shellcheck disable=SC2086
    check "$words --json parses" bash -c '"$@" --json 2>/dev/null | python3 -m json.tool >/dev/null' \
        x "$GALE" $words
done

# A reader that leaves early: quiet, whatever the shell had done with SIGPIPE.
bash -c '"$0" components 2>"$1" | head -1 >/dev/null' "$GALE" "$dir/err"
check "a closed pipe is quiet" test ! -s "$dir/err"
python3 - "$GALE" >"$dir/err" 2>&1 <<'PY'
import signal, subprocess, sys
signal.signal(signal.SIGPIPE, signal.SIG_IGN)
p = subprocess.Popen([sys.argv[1], "completion", "zsh"], stdout=subprocess.PIPE,
                     stderr=subprocess.PIPE, restore_signals=False)
p.stdout.close()
text = p.stderr.read()
p.wait()
if text:
    print(text)
PY
check "a closed pipe is quiet with SIGPIPE ignored" test ! -s "$dir/err"

# Colour and tables: tabs and no escapes in a pipe, escapes when forced, none with NO_COLOR.
"$GALE" components >"$dir/out"
check "a pipe gets tabs" grep -q "^NAME	KIND	FIELDS" "$dir/out"
check "a pipe gets no escapes" bash -c '! grep -q "$(printf "\033")" "$0"' "$dir/out"
if command -v script >/dev/null; then
    TERM=xterm script -qec "$GALE components" /dev/null >"$dir/tty" </dev/null
    NO_COLOR=1 TERM=xterm script -qec "$GALE components" /dev/null >"$dir/tty-no" </dev/null
    TERM=dumb script -qec "$GALE components" /dev/null >"$dir/tty-dumb" </dev/null
    check "a terminal gets bold titles" grep -q "$(printf '\033\\[1m')" "$dir/tty"
    check "NO_COLOR wins" bash -c '! grep -q "$(printf "\033")" "$0"' "$dir/tty-no"
    check "TERM=dumb wins" bash -c '! grep -q "$(printf "\033")" "$0"' "$dir/tty-dumb"
fi

# Completions are valid shell.
"$GALE" completion bash >"$dir/gale.bash"
check "completion --json holds the script" bash -c '
    "$0" completion bash --json | python3 -c "import json, sys
assert json.load(sys.stdin)[\"script\"] == open(sys.argv[1]).read()" "$1"' "$GALE" "$dir/gale.bash"
expect "--version" 0 "^gale [0-9]" "" "$GALE" --version
# complete_bash LINE: what bash offers behind LINE, sorted, on one line.
complete_bash() {
    bash -c '. "$1"
        read -ra COMP_WORDS <<<"$2"
        [[ $2 != *" " ]] || COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _gale
        printf "%s\n" "${COMPREPLY[@]}"' _ "$dir/gale.bash" "$1" | sort | xargs
}
complete_fish() {
    fish -c "source $dir/gale.fish; complete -C '$1'" | cut -f1 | sort | xargs
}
"$GALE" completion fish >"$dir/gale.fish"
"$GALE" completion zsh >"$dir/gale.zsh"
for shell in bash fish; do
    command -v $shell >/dev/null || continue
    check "$shell completes the kinds of new" test "$(complete_$shell 'gale new ')" = "bolt spout topology"
    check "$shell completes no second kind" test -z "$(complete_$shell 'gale new bolt ')"
    check "$shell completes behind global options" test "$(complete_$shell 'gale --json v')" = "validate version"
    check "$shell completes values" test "$(complete_$shell 'gale run --transport ')" = "ipc tcp"
done
if command -v zsh >/dev/null; then
    check "zsh completion is valid zsh" zsh -n "$dir/gale.zsh"
fi
check "bash completion is valid bash" bash -n "$dir/gale.bash"
check "bash completion completes verbs" bash -c '
    source "$0"
    COMP_WORDS=(gale val) COMP_CWORD=1
    _gale
    [[ ${COMPREPLY[*]} == validate ]]' "$dir/gale.bash"
check "bash completion completes options" bash -c '
    source "$0"
    COMP_WORDS=(gale run --dur) COMP_CWORD=2
    _gale
    [[ ${COMPREPLY[*]} == --duration ]]' "$dir/gale.bash"

# Why a run cannot start is told by its exit code.
echo x >"$dir/file"
expect "run with a state directory that cannot be" 74 "" "choose another with --state-dir" \
    "$GALE" run --state-dir "$dir/file" "$dir/good.yaml"
cat >"$dir/slow.yaml" <<'YAML'
name: slow
workers: 1
spouts:
  numbers: { type: generator, constant: x, rate: 100 }
bolts:
  seen: { type: file, path: "${seen}", from: [ numbers ] }
YAML
"$GALE" run --state-dir "$dir/state" -D seen="$dir/seen" "$dir/slow.yaml" 2>"$dir/hup" &
first=$!
until [[ -s $dir/seen ]] || ! kill -0 $first; do sleep 0.02; done
expect "a second run of one name" 75 "" "in use by another process" \
    "$GALE" run --state-dir "$dir/state" -D seen="$dir/seen" "$dir/slow.yaml"
kill -HUP $first
wait $first
check "a closed terminal ends a run in good order" test $? -eq 129
check "and it says so" grep -q "interrupted, drained" "$dir/hup"

echo "$failures failed"
exit $((failures > 0))
