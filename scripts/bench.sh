#!/usr/bin/env bash
# Figures of one master: real ZooKeeper, real MariaDB that flushes every commit, and a worker that finishes each task at once.
# Prints a Markdown table with the Java master's figures and the ratio. docs/benchmarks.md holds such a table.
#
#   scripts/bench.sh                      all loads
#   scripts/bench.sh --only workflows     one of: workflows chain fan latency start waiting engine graph idle schedules
#   scripts/bench.sh failover             the death of one of two masters (docs/reliability.md)
#   scripts/bench.sh slow-worker          one slow worker of two (docs/reliability.md)
set -euo pipefail
. "$(dirname "$0")/lib/needs.sh"
cd "$ORCA_ROOT"
need_build
need_servers
cargo build --release --quiet --bin orca -p orca -p orca-integration --bins
case "${1:-}" in
failover | slow-worker) exec target/release/orca-integration "$1" ;;
esac
exec target/release/orca-integration bench "$@"
