#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that building (`setup.sh build`) or checking (`setup.sh check`)
# needs and that are missing. Does nothing, and needs no network and no root, when none is.
set -euo pipefail

build="build-essential cmake ninja-build pkg-config libzmq3-dev libmsgpack-dev|libmsgpack-c-dev
liblz4-dev nettle-dev libsqlite3-dev libyaml-dev libxxhash-dev libjansson-dev libyajl-dev
libzookeeper-mt-dev"
check="libcmocka-dev clang-14 libclang-rt-14-dev clang-format-14 clang-tidy-14 cppcheck python3
procps tmux libzookeeper-java
default-jre-headless|openjdk-17-jre-headless"

case "${1:-check}" in
build) wanted=$build ;;
check) wanted="$build $check" ;;
*)
    echo "usage: $0 [build|check]" >&2
    exit 2
    ;;
esac

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

if ! command -v dpkg-query >/dev/null; then
    echo "setup: not a Debian system; make sure that these are installed: $wanted" >&2
    exit 0
fi
missing=()
for entry in $wanted; do
    # "a|b": the first name is that of Debian 12, the second that of Debian 13.
    found=no
    for name in ${entry//|/ }; do
        if installed "$name"; then found=yes; fi
    done
    if [ $found = no ]; then missing+=("$entry"); fi
done
if [ ${#missing[@]} -eq 0 ]; then exit 0; fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "setup: missing packages: ${missing[*]}; install them as root" >&2
        exit 1
    fi
    as_root=(sudo)
fi
echo "setup: installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! "${as_root[@]}" apt-get -q update >"$log" 2>&1; then
    echo "setup: apt-get update failed; going on with the package lists at hand" >&2
fi
names=()
for entry in "${missing[@]}"; do
    chosen=${entry%%|*}
    for name in ${entry//|/ }; do
        if [ -n "$(apt-cache policy "$name" 2>/dev/null | sed -n 's/^  Candidate: //p' |
            grep -v '(none)')" ]; then chosen=$name; fi
    done
    names+=("$chosen")
done
if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
    --no-install-recommends "${names[@]}" >"$log" 2>&1 </dev/null; then
    cat "$log" >&2
    echo "setup: apt-get could not install ${names[*]}; see above" >&2
    exit 1
fi
