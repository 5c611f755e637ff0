#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the benchmarks: bench/run.sh [MEASURE...] [options], see bench/run.sh --help.
exec python3 "$(dirname "$0")/bench.py" "$@"
