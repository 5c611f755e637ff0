#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Ten minutes at full rate with a slow bolt downstream: the resident set of each worker must stay
# flat. After a first minute (a third of the time, when shorter) no sample may differ by more than
# 5 % (10 % in a run shorter than 300 s) from the middle of the samples. Prints a table; exit code 1
# when memory is not flat. SOAK_SECONDS: how long (600).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${GALE:=$here/../../build/release/gale}"
export GALE
exec python3 "$here/soak.py"
