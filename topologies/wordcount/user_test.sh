#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Each folder of topologies/ can be copied, built against an installed Gale and run as its README
# says.
set -euo pipefail
: "${GALE_BUILD:?}" "${GALE_SOURCE:?}"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset PKG_CONFIG_PATH CMAKE_PREFIX_PATH LD_LIBRARY_PATH || true

cmake --install "$GALE_BUILD" --prefix "$dir/prefix" >"$dir/install.log" 2>&1 ||
    { cat "$dir/install.log"; exit 1; }
for folder in "$GALE_SOURCE"/topologies/*/; do
    name=$(basename "$folder")
    cp -r "$folder" "$dir/$name"
    cd "$dir/$name"
    { cmake -B build -DCMAKE_PREFIX_PATH="$dir/prefix" -DCMAKE_C_FLAGS="-Wall -Wextra -Werror" &&
        cmake --build build; } >"$dir/build.log" 2>&1 || { cat "$dir/build.log"; exit 1; }
    define=count=1000
    if [ "$name" = wordcount ]; then define=input=$GALE_SOURCE/LICENSE; fi
    "$dir/prefix/bin/gale" run "$name.yaml" -D lib=build -D "$define" --fresh --no-view \
        --state-dir "$dir/state" >"$dir/out" 2>"$dir/report" || { cat "$dir/report"; exit 1; }
    [ -s "$dir/out" ]
    echo "ok - $name: $(wc -l <"$dir/out") lines"
done
