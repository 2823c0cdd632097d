#!/usr/bin/env bash
# Chaos: three masters, three workers, ZooKeeper and MariaDB, each in a network namespace of its own, under load; kills, freezes, cuts and restarts at
# random moments. Prints what was done, how long recoveries took and every broken promise; exit code 1 when there is one. docs/reliability.md
# explains it. Needs root for the namespaces.
#
#   scripts/chaos.sh 20                     twenty minutes
#   scripts/chaos.sh 1 --seed 7 --cycle 3   one cycle of the plan of a seed
#   --keep                                  leave logs and rows also when all went well
set -euo pipefail
. "$(dirname "$0")/lib/needs.sh"
cd "$ORCA_ROOT"
[ "$(id -u)" = 0 ] || fail "network namespaces need root: run this as root"
need_build
need_servers
cargo build --release --quiet --bin orca -p orca -p orca-integration --bins
binary=${CARGO_TARGET_DIR:-target}/release/orca-integration
ip netns list | grep -q '^orca-chaos-' &&
    fail "namespaces orca-chaos-* exist: another run is under way, or was killed: \"$binary chaos --clean\" removes what it left"
# Also after a kill or an interrupt nothing of it stays.
trap '"$binary" chaos --clean' EXIT
trap 'exit 130' INT TERM
"$binary" chaos "$@"
