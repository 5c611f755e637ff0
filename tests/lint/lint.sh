#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs one checker over the sources. Usage: lint.sh format|fix|cppcheck|tidy ROOT BUILD
set -uo pipefail

what=$1 root=$2 build=$3
cd "$root" || exit 2
folders=()
for folder in runtime coordinator spouts bolts topologies tests bench; do
    if [ -d $folder ]; then folders+=($folder); fi
done
mapfile -t files < <(find "${folders[@]}" -type d -name corpus -prune -o \
    \( -name '*.c' -o -name '*.h' \) -print | sort)
mapfile -t product < <(printf '%s\n' "${files[@]}" | grep -v '^tests/\|^bench/limit/' |
    grep '\.c$')

need() {
    if ! command -v "$1" >/dev/null; then
        echo "$1 is not installed; run tests/setup.sh"
        exit 1
    fi
}

case $what in
format)
    need clang-format-14
    clang-format-14 --dry-run --Werror "${files[@]}" && echo "${#files[@]} files in layout"
    ;;
fix)
    need clang-format-14
    clang-format-14 -i "${files[@]}"
    ;;
cppcheck)
    need cppcheck
    mkdir -p "$build/cppcheck"
    # The analysis of unchanged files is taken from the cppcheck directory.
    cppcheck --quiet --std=c11 --enable=warning,portability --inline-suppr --error-exitcode=1 \
        --cppcheck-build-dir="$build/cppcheck" -j 2 -D_GNU_SOURCE -D__GNUC__=12 -D__x86_64__=1 \
        -Iruntime -Iruntime/include -Icoordinator -Ibench -I. --suppress=missingIncludeSystem \
        --suppress=unusedStructMember --suppress=autoVariables --template=gcc "${product[@]}" &&
        echo "${#product[@]} files without a warning"
    ;;
tidy)
    need clang-tidy-14
    # A file is checked again when it, a header or the settings changed since it last passed.
    mkdir -p "$build/tidy"
    headers=$(cat .clang-tidy $(printf '%s\n' "${files[@]}" | grep '\.h$') | sha256sum)
    export build headers
    printf '%s\n' "${product[@]}" | xargs -P 2 -I{} bash -c '
        stamp=$build/tidy/$({ echo "$headers"; cat "$1"; } | sha256sum | cut -c1-32)
        if [ -e "$stamp" ]; then exit 0; fi
        if clang-tidy-14 --quiet -p "$build" --warnings-as-errors="*" "$1" \
            >"$stamp.log" 2>/dev/null; then
            mv "$stamp.log" "$stamp"
        else
            cat "$stamp.log"
            rm -f "$stamp.log"
            exit 1
        fi' _ {} && echo "${#product[@]} files without a finding"
    ;;
*)
    echo "usage: $0 format|fix|cppcheck|tidy ROOT BUILD" >&2
    exit 2
    ;;
esac
