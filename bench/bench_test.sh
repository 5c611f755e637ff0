#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs every benchmark for a second: the results must be right, the speed does not matter.
exec "$(dirname "$0")/run.sh" --tiny
