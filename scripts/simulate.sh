#!/usr/bin/env bash
# Runs the simulator: many masters and workers on virtual time, with faults by seed.
#
#   scripts/simulate.sh N          N fresh seeds
#   scripts/simulate.sh N FROM     the N seeds from FROM on
#
# Ends with 1 when a promise was broken; each violation is printed with its seed, and
# `cargo run --release -p orca-simulator -- replay SEED` shows that run.
set -euo pipefail
. "$(dirname "$0")/lib/needs.sh"
cd "$ORCA_ROOT"

count=${1:?how many seeds? for example: scripts/simulate.sh 1000}
from=${2:-$(date +%s%3N)}
need_build
exec cargo run --release --quiet -p orca-simulator -- run --seeds "$from..$((from + count))"
