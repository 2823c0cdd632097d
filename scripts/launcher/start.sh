#!/usr/bin/env bash
# Runs an Orca server in the foreground. Copy it to <server>/bin/start.sh of a DolphinScheduler installation; dolphinscheduler-daemon.sh starts it there.
#
# The server follows from the name of the folder: master-server, worker-server. The program is ORCA_BINARY, else bin/orca of the server, else
# bin/orca of the installation, else orca on the PATH. It runs as a child of this shell: the daemon script signals the children of the shell it started, and
# takes the server for stopped when its process is not a bash. So there is no exec below.
set -eo pipefail

bin=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
server_home=$(dirname "$bin")
home=$(dirname "$server_home")

case $(basename "$server_home") in
worker-server) command=worker ;;
*) command=master ;;
esac

if [ -f "$server_home/conf/dolphinscheduler_env.sh" ]; then
    . "$server_home/conf/dolphinscheduler_env.sh"
fi

program=${ORCA_BINARY:-}
for candidate in "$bin/orca" "$home/bin/orca"; do
    if [ -z "$program" ] && [ -x "$candidate" ]; then program=$candidate; fi
done
program=${program:-$(command -v orca || true)}
if [ -z "$program" ]; then
    echo "the program orca is not found: put it into $bin, or set ORCA_BINARY" >&2
    exit 1
fi

cd "$server_home"
status=0
"$program" "$command" "$@" || status=$?
exit "$status"
