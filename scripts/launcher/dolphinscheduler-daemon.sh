#!/usr/bin/env bash
# Starts and stops the servers of an installation, with the commands, the layout and the exit codes that operators of DolphinScheduler know.
#
#   bin/dolphinscheduler-daemon.sh start|stop|status SERVER       SERVER: master-server, worker-server, and the Java servers that are installed
#
# Layout, below the folder that holds bin/:
#   bin/dolphinscheduler-daemon.sh     this script
#   bin/env/dolphinscheduler_env.sh    if it is there, it replaces conf/dolphinscheduler_env.sh of the server at each start
#   SERVER/bin/start.sh                runs the server in the foreground, as a child of its shell
#   SERVER/conf, SERVER/logs           configuration, and the output of the server
#   SERVER/pid                         the process id of that shell
set -euo pipefail

stop_seconds=5
servers="api-server|master-server|worker-server|alert-server|standalone-server"

usage() {
    echo "Usage: dolphinscheduler-daemon.sh (start|stop|status) <$servers>"
    exit 1
}

[ $# -ge 2 ] || usage
action=$1
server=$2
case "|$servers|" in
*"|$server|"*) ;;
*) echo "Error: No command named '$server' was found."; exit 1 ;;
esac

bin=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
home=$(dirname "$bin")
[ -d "$home/$server" ] || { echo "Error: $server is not installed: there is no folder $home/$server"; exit 1; }
# The server's own folder is its working directory: conf/ and logs/ are looked for there.
cd "$home/$server"
logs=$home/$server/logs
pid_file=$home/$server/pid
mkdir -p "$logs"
export DOLPHINSCHEDULER_HOME=$home DOLPHINSCHEDULER_LOG_DIR=$logs
HOSTNAME=$(hostname)
export HOSTNAME

# The recorded shell, when it still runs and is a bash: the id may belong to something else by now.
running_pid() {
    local pid
    pid=$(cat "$pid_file" 2>/dev/null) || return 0
    case $pid in '' | *[!0-9]*) return 0 ;; esac
    case $(ps -p "$pid" -o comm= 2>/dev/null) in *bash*) echo "$pid" ;; esac
}

start() {
    local pid
    pid=$(running_pid)
    if [ -n "$pid" ]; then
        echo "$server running as process $pid.  Stop it first."
        exit 1
    fi
    echo "starting $server, logging to $logs"
    if [ -f "$bin/env/dolphinscheduler_env.sh" ]; then
        echo "Overwrite $server/conf/dolphinscheduler_env.sh using bin/env/dolphinscheduler_env.sh."
        mkdir -p conf
        cp "$bin/env/dolphinscheduler_env.sh" conf/dolphinscheduler_env.sh
    fi
    nohup /bin/bash "$home/$server/bin/start.sh" </dev/null >"$logs/$server-$HOSTNAME.out" 2>&1 &
    echo $! >"$pid_file"
}

# Signals the children, not the shell: it ends by itself when the server has ended.
stop() {
    local pid tries=$((stop_seconds * 10))
    pid=$(running_pid)
    if [ -z "$pid" ]; then
        echo "no $server to stop"
        rm -f "$pid_file"
        return
    fi
    echo "stopping $server"
    pkill -TERM -P "$pid" || true
    while kill -0 "$pid" 2>/dev/null && [ "$tries" -gt 0 ]; do
        sleep 0.1
        tries=$((tries - 1))
    done
    if kill -0 "$pid" 2>/dev/null; then
        echo "$server did not stop gracefully after $stop_seconds seconds: killing with kill -9"
        pkill -KILL -P "$pid" || true
        # The shell has no child left and ends; one that hangs has nothing to lose.
        kill -KILL "$pid" 2>/dev/null || true
    fi
    rm -f "$pid_file"
}

status() {
    if [ -n "$(running_pid)" ]; then
        printf '%s  [ \033[1;32m RUNNING \033[0m ]\n' "$server"
    else
        printf '%s  [ \033[1;31m STOP \033[0m ]\n' "$server"
    fi
}

echo "Begin $action $server......"
case $action in
start) start ;;
stop) stop ;;
status) status ;;
*) usage ;;
esac
echo "End $action $server."
