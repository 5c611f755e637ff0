#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the release, the address- and the thread-sanitized build, then runs the tests of all
# three in one ctest, whose last line is the verdict.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

echo "check: building release"
tests/build.sh release
echo "check: building asan"
tests/build.sh asan
echo "check: building tsan"
tests/build.sh tsan tests_threads
mkdir -p build/check
cat >build/check/CTestTestfile.cmake <<TESTS
subdirs("$PWD/build/release" "$PWD/build/asan" "$PWD/build/tsan")
TESTS
exec ctest --test-dir build/check --output-on-failure -j "$(nproc)" "$@" </dev/null
