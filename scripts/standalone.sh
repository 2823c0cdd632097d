#!/usr/bin/env bash
# The main job on a fresh machine: builds Orca if needed, starts everything in one process tree on SQLite and the embedded
# registry, runs the given workflow files and shows them live. Ends 0 only when every run succeeded.
#
#   scripts/standalone.sh examples/etl.yaml     run one file
#   scripts/standalone.sh --masters 3           stay up with three masters until Ctrl-C
# Everything behind the script's name is passed to `orca standalone` (see `orca standalone --help`).
set -euo pipefail
. "$(dirname "$0")/lib/needs.sh"

need_build
build_log=$(mktemp)
trap 'rm -f "$build_log"' EXIT
if [ ! -x "$ORCA_ROOT/target/release/orca" ]; then say "building Orca (a few minutes the first time)"; fi
(cd "$ORCA_ROOT" && cargo build --release --quiet --bin orca) 2>"$build_log" || { cat "$build_log" >&2; fail "the build failed"; }
rm -f "$build_log"
trap - EXIT
exec "$ORCA_ROOT/target/release/orca" standalone "$@"
