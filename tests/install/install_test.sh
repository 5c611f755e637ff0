#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs into a temporary prefix, checks what a service manager needs, moves it, and builds a
# user's bolt against it outside the source tree: once through find_package(gale), once through
# pkg-config. Each module is loaded by a user's program and, in a topology, by the installed gale.
# Usage: install_test.sh ROOT BUILD
set -euo pipefail

root=$1 build=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
prefix=$scratch/moved
unset LD_LIBRARY_PATH PKG_CONFIG_PATH CMAKE_PREFIX_PATH || true

step() {
    echo "install_test: $*"
}

step "install"
cmake --install "$build" --prefix "$scratch/first" >"$scratch/install.log"

step "units, user, directories, settings"
services=$scratch/first/lib/systemd/system
for file in "$services"/gale-{coordinator,supervisor}.service \
    "$scratch"/first/lib/{sysusers,tmpfiles}.d/gale.conf "$scratch/first/share/gale/gale.yaml" \
    "$scratch/first/share/doc/gale/cluster.md"; do
    [ -s "$file" ] || { echo "install_test: $file is missing" >&2; exit 1; }
    if grep -n '@[A-Z_]*@' "$file"; then
        echo "install_test: $file has the names above instead of values" >&2
        exit 1
    fi
done
if [ -x "$scratch/first/bin/gale" ]; then
    for daemon in coordinator supervisor; do
        grep -qx "ExecStart=$scratch/first/bin/gale $daemon" "$services/gale-$daemon.service"
        # A stopped supervisor leaves its workers; nothing else does.
        grep -c '^KillMode=process$' "$services/gale-$daemon.service" >"$scratch/count" || true
        [ "$(cat "$scratch/count")" = "$([ $daemon = supervisor ] && echo 1 || echo 0)" ]
    done
    if command -v systemd-analyze >/dev/null; then
        # The user gale does not exist here, which verify does not ask for.
        systemd-analyze verify --man=no "$services"/gale-*.service >"$scratch/verify.log" 2>&1 || true
        if grep -F gale- "$scratch/verify.log"; then
            echo "install_test: systemd-analyze complains as above" >&2
            exit 1
        fi
    else
        echo "install_test: no systemd-analyze here; the units were not verified"
    fi
    env -u GALE_CONFIG XDG_CONFIG_HOME=/nowhere "$scratch/first/bin/gale" config show --origin \
        --config "$scratch/first/share/gale/gale.yaml" >"$scratch/settings"
    grep -q '^coordinator.listen' "$scratch/settings"
    if grep -F share/gale/gale.yaml "$scratch/settings"; then
        echo "install_test: the example sets what is above instead of commenting it out" >&2
        exit 1
    fi
fi
if command -v systemd-sysusers >/dev/null; then
    systemd-sysusers --dry-run --root="$scratch" "$scratch/first/lib/sysusers.d/gale.conf" \
        >"$scratch/sysusers.log" 2>&1 || { cat "$scratch/sysusers.log"; exit 1; }
fi
if command -v systemd-tmpfiles >/dev/null; then
    # Into a tree of its own, as this user: only the lines' form and the copy are tried.
    mkdir -p "$scratch/root/tmp"
    sed "s/ root root / - - /; s/ gale gale / - - /; s|$scratch/first|/usr|" \
        "$scratch/first/lib/tmpfiles.d/gale.conf" >"$scratch/root/tmp/gale.conf"
    mkdir -p "$scratch/root/usr/share/gale"
    cp "$scratch/first/share/gale/gale.yaml" "$scratch/root/usr/share/gale"
    systemd-tmpfiles --create --root="$scratch/root" "$scratch/root/tmp/gale.conf" \
        >"$scratch/tmpfiles.log" 2>&1 || { cat "$scratch/tmpfiles.log"; exit 1; }
    cmp "$scratch/root/etc/gale/gale.yaml" "$root/packaging/gale.yaml"
    [ -d "$scratch/root/etc/gale/conf.d" ]
fi

step "move"
mv "$scratch/first" "$prefix"
libdir=$(dirname "$(find "$prefix" -name libgale.so.0)")

step "exports are gale_* only"
if nm -D --defined-only "$libdir/libgale.so.0" | awk '{print $3}' | grep -v '^gale_\|^GALE_'; then
    echo "install_test: libgale.so.0 exports the names above" >&2
    exit 1
fi
nm -D --defined-only "$libdir/libgale.so.0" | grep -q ' gale_version@@GALE_0.1$'

step "every function of the headers is exported"
# The bench of gale/test.h takes the engine's place in a unit test, so it is a library of its own.
exported=$(nm -D --defined-only "$libdir/libgale.so.0" | sed -n 's/.* \(gale_.*\)@@GALE_0.*/\1/p')
if [ -e "$libdir/libgale_bench.a" ]; then
    exported+=" $(nm --defined-only "$libdir/libgale_bench.a" | sed -n 's/.* T //p')"
fi
missing=0
for name in $(grep -hA3 '^GALE_API [^=]*$' "$prefix"/include/gale/*.h | tr -d '\n' |
    grep -oE 'GALE_API [^();]*\(' | grep -oE 'gale_[a-z0-9_]+\($' | tr -d '(' | sort -u); do
    if ! grep -qw "$name" <<<"$exported"; then
        echo "install_test: $name is declared but not exported" >&2
        missing=$((missing + 1))
    fi
done
[ "$missing" -eq 0 ]

step "find_package(gale)"
mkdir "$scratch/by-cmake"
cp "$root"/tests/install/{CMakeLists.txt,split.c,load.c} "$scratch/by-cmake"
cmake -S "$scratch/by-cmake" -B "$scratch/by-cmake/build" -G Ninja \
    -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_FLAGS="-Wall -Wextra -Werror" >"$scratch/cmake.log"
cmake --build "$scratch/by-cmake/build" >"$scratch/cmake.log" ||
    { cat "$scratch/cmake.log"; exit 1; }
"$scratch/by-cmake/build/load" "$scratch/by-cmake/build/libsplit.so"

step "pkg-config"
mkdir "$scratch/by-pc"
export PKG_CONFIG_PATH=$libdir/pkgconfig
read -ra cflags <<<"$(pkg-config --cflags gale)"
read -ra libs <<<"$(pkg-config --libs gale)"
cc -std=c11 -Wall -Wextra -Werror -O2 -fPIC -shared "${cflags[@]}" \
    -o "$scratch/by-pc/libsplit.so" "$root/tests/install/split.c" "${libs[@]}"
cc -std=c11 -Wall -Wextra -Werror "${cflags[@]}" -o "$scratch/by-pc/load" \
    "$root/tests/install/load.c" "${libs[@]}" -Wl,-rpath,"$libdir"
"$scratch/by-pc/load" "$scratch/by-pc/libsplit.so"
[ "$(pkg-config --modversion gale)" = "$("$scratch/by-pc/load" "$scratch/by-pc/libsplit.so" |
    sed 's/.*libgale //')" ]

if [ ! -x "$prefix/bin/gale" ]; then
    step "no gale in this build; the modules were loaded by the user's program only"
    exit 0
fi
for module in "$scratch/by-cmake/build/libsplit.so" "$scratch/by-pc/libsplit.so"; do
    step "gale runs $(basename "$(dirname "$module")")/libsplit.so"
    run=$scratch/run
    rm -rf "$run"
    mkdir "$run"
    cp "$module" "$root/tests/install/topology.yaml" "$run"
    printf 'the cow jumped\nover the moon\n' >"$run/words.txt"
    (cd "$run" && "$prefix/bin/gale" validate topology.yaml)
    (cd "$run" && timeout 60 "$prefix/bin/gale" run --fresh topology.yaml >out.txt 2>&1 </dev/null) ||
        { cat "$run/out.txt"; exit 1; }
    for word in the cow jumped over moon; do
        grep -qw "$word" "$run/out.txt" || { echo "no '$word' in:" && cat "$run/out.txt"; exit 1; }
    done
    # The module needs libgale.so.0; its symbols must be those of the executable.
    if readelf -d "$module" | grep -q 'NEEDED.*libgale.so.0'; then
        bindings=$(cd "$run" && LD_DEBUG=bindings "$prefix/bin/gale" validate topology.yaml 2>&1 |
            grep -F "libsplit.so [0] to" | grep 'gale_' || true)
        if [ -z "$bindings" ] || echo "$bindings" | grep -F 'libgale.so'; then
            echo "install_test: the module does not bind to the executable" >&2
            echo "$bindings" >&2
            exit 1
        fi
    fi
done

step "gale bench finds its topologies"
(cd "$scratch" && timeout 120 "$prefix/bin/gale" bench wordcount nexmark-q0 limit --tiny --workers 1 \
    --guarantee at-least-once >bench.txt 2>&1 </dev/null) || { cat "$scratch/bench.txt"; exit 1; }
[ "$(grep -c ': checked: ' "$scratch/bench.txt")" -eq 3 ] || { cat "$scratch/bench.txt"; exit 1; }
step "passed"
