#!/usr/bin/env bash
# Everything that must hold before a change lands, from nothing: format, lints, then every test, the ones against a
# real ZooKeeper and a real MariaDB included. Ends with the number of tests that ran.
#
#   scripts/test.sh            all of it
#   scripts/test.sh quick      without the servers: format, lints, tests of the crates
set -euo pipefail
. "$(dirname "$0")/lib/needs.sh"
cd "$ORCA_ROOT"

need_build
packages=(--workspace)
if [ "${1:-}" = quick ]; then packages+=(--exclude orca-integration); else need_servers; fi

say "== format"
cargo fmt --all --check
say "== lints"
cargo clippy --workspace --all-targets --quiet -- -D warnings
say "== build"
cargo build --workspace --tests --bins --quiet
say "== tests"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
cargo test "${packages[@]}" --no-fail-fast 2>&1 | tee "$log" || status=$?

# cargo prints one result line per binary; the last line of this script is their sum.
awk '/^test result:/ { passed += $4; failed += $6; skipped += $8 }
     END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped; exit failed > 0 || passed == 0 }' "$log" || status=1
exit "$status"
