#!/usr/bin/env bash
# Everything that must hold before a change lands, from nothing: format, lints, then every test, the ones against a
# real ZooKeeper and a real MariaDB included, then the cases (docs/cases.md): our own, and those in $ORCA_SHARED/cases
# if there are any, each twice. Ends with the number of tests and cases that ran.
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

if [ "${1:-}" != quick ]; then
    say "== cases"
    folders=(integration/cases)
    if [ -d "${ORCA_SHARED:-}/cases" ]; then folders+=("$ORCA_SHARED/cases"); fi
    "${CARGO_TARGET_DIR:-target}/debug/orca-integration" cases "${folders[@]}" --repeat 2 --jobs 8 2>&1 | tee -a "$log" || status=$?
fi

# cargo prints one result line per binary, the case runner one for all cases; the last line of this script is their sum.
awk '/^test result:/ { passed += $4; failed += $6; skipped += $8 }
     /^[0-9]+ passed, [0-9]+ failed$/ { passed += $1; failed += $3 }
     END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped; exit failed > 0 || passed == 0 }' "$log" || status=1
exit "$status"
