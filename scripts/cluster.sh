#!/usr/bin/env bash
# A real cluster on this machine: ZooKeeper, MariaDB, masters and workers, all on loopback, all data below one folder.
#
#   scripts/cluster.sh start [--masters N] [--workers M]   start it (2 masters, 2 workers) and wait until it is up
#   scripts/cluster.sh status                              who runs, where, and what the cluster says of itself
#   scripts/cluster.sh kill master|worker N                kill -9 one of them, with its whole process group
#   scripts/cluster.sh pause|resume master|worker N        SIGSTOP, SIGCONT
#   scripts/cluster.sh revive master|worker N              start a killed one again
#   scripts/cluster.sh orca ARGUMENTS...                   any orca command against this cluster
#   scripts/cluster.sh stop                                end everything; the data stays
#   scripts/cluster.sh clean                               stop, and remove the data
#
# The folder is .orca/cluster in the checkout, or ORCA_CLUSTER_DIR.
set -euo pipefail
. "$(dirname "$0")/lib/needs.sh"
# Job control gives every server a process group of its own, so that one of them can be killed whole.
set -m

dir=${ORCA_CLUSTER_DIR:-$ORCA_ROOT/.orca/cluster}
base_port=${ORCA_CLUSTER_BASE_PORT:-21810}
zookeeper_port=$base_port
mariadb_port=$((base_port + 1))
orca="$ORCA_ROOT/target/release/orca"

master_port() { echo $((base_port + 100 + $1)); }
worker_port() { echo $((base_port + 200 + $1)); }
http_port() { echo $((base_port + 300 + $1)); }
pid_of() { cat "$dir/run/$1.pid" 2>/dev/null || true; }
is_up() { local pid; pid=$(pid_of "$1"); [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null; }
port_is_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# launch NAME COMMAND...: in the background, in a process group of its own, with its output in a log.
launch() {
    local name=$1
    shift
    "$@" </dev/null >>"$dir/log/$name.log" 2>&1 &
    echo $! >"$dir/run/$name.pid"
}

# wait_for NAME PORT SECONDS
wait_for() {
    local name=$1 port=$2 tries=$(($3 * 10))
    until port_is_open "$port"; do
        is_up "$name" || { tail -n 20 "$dir/log/$name.log" >&2; fail "$name ended while it started (log: $dir/log/$name.log)"; }
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || fail "$name does not listen on port $port after $3 s (log: $dir/log/$name.log)"
        sleep 0.1
    done
}

# end NAME SIGNAL SECONDS: the whole group; SIGKILL for what is left after that time.
end() {
    local pid tries=$(($3 * 10))
    pid=$(pid_of "$1")
    [ -n "$pid" ] || return 0
    kill -CONT -- "-$pid" 2>/dev/null || true
    kill "-$2" "$pid" 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null && [ "$tries" -gt 0 ]; do sleep 0.1; tries=$((tries - 1)); done
    kill -KILL -- "-$pid" 2>/dev/null || true
    rm -f "$dir/run/$1.pid"
}

environment() {
    export SPRING_DATASOURCE_URL="jdbc:mysql://127.0.0.1:$mariadb_port/dolphinscheduler"
    export SPRING_DATASOURCE_USERNAME=orca SPRING_DATASOURCE_PASSWORD=orca SPRING_PROFILES_ACTIVE=mysql
    export REGISTRY_TYPE=zookeeper REGISTRY_ZOOKEEPER_CONNECT_STRING="127.0.0.1:$zookeeper_port"
    export REGISTRY_ZOOKEEPER_SESSION_TIMEOUT="${ORCA_CLUSTER_SESSION_TIMEOUT:-10s}"
    export MASTER_SERVER_LOAD_PROTECTION_ENABLED=false WORKER_SERVER_LOAD_PROTECTION_ENABLED=false
    export SPRING_JACKSON_TIME_ZONE=UTC
}

start_zookeeper() {
    mkdir -p "$dir/zookeeper"
    printf '%s\n' tickTime=500 minSessionTimeout=1000 maxSessionTimeout=60000 "dataDir=$dir/zookeeper" \
        "clientPort=$zookeeper_port" clientPortAddress=127.0.0.1 maxClientCnxns=0 >"$dir/zookeeper/zoo.cfg"
    printf '%s\n' 'log4j.rootLogger=WARN, out' log4j.appender.out=org.apache.log4j.ConsoleAppender \
        log4j.appender.out.layout=org.apache.log4j.PatternLayout 'log4j.appender.out.layout.ConversionPattern=%d %p %c - %m%n' \
        >"$dir/zookeeper/log4j.properties"
    launch zookeeper java -Xmx256m -Dzookeeper.admin.enableServer=false \
        "-Dlog4j.configuration=file:$dir/zookeeper/log4j.properties" -cp /usr/share/java/zookeeper.jar \
        org.apache.zookeeper.server.quorum.QuorumPeerMain "$dir/zookeeper/zoo.cfg"
    wait_for zookeeper "$zookeeper_port" 60
}

start_mariadb() {
    local data=$dir/mariadb/data user=()
    [ "$(id -u)" = 0 ] && user=(--user=root)
    if [ ! -d "$data/mysql" ]; then
        mkdir -p "$data"
        mariadb-install-db --no-defaults --auth-root-authentication-method=normal --skip-test-db "--datadir=$data" "${user[@]}" \
            >"$dir/log/mariadb-install.log" 2>&1 || { cat "$dir/log/mariadb-install.log" >&2; fail "mariadb-install-db failed"; }
        printf '%s\n' 'CREATE DATABASE IF NOT EXISTS dolphinscheduler CHARACTER SET utf8 COLLATE utf8_bin;' \
            "CREATE USER IF NOT EXISTS 'orca'@'127.0.0.1' IDENTIFIED BY 'orca';" \
            "GRANT ALL ON *.* TO 'orca'@'127.0.0.1';" >"$dir/mariadb/init.sql"
    fi
    launch mariadb /usr/sbin/mariadbd --no-defaults "--datadir=$data" "--socket=$dir/mariadb/socket" "--pid-file=$dir/mariadb/pid" \
        "--init-file=$dir/mariadb/init.sql" "--port=$mariadb_port" --bind-address=127.0.0.1 --skip-name-resolve \
        --innodb-flush-log-at-trx-commit=1 --innodb-buffer-pool-size=512M --max-connections=500 --default-time-zone=+00:00 "${user[@]}"
    wait_for mariadb "$mariadb_port" 60
}

start_master() {
    environment
    MASTER_LISTEN_PORT=$(master_port "$1") MASTER_MASTER_ADDRESS="127.0.0.1:$(master_port "$1")" SERVER_PORT=$(http_port "$1") \
        launch "master-$1" "$orca" master
    wait_for "master-$1" "$(master_port "$1")" 60
}

start_worker() {
    environment
    WORKER_LISTEN_PORT=$(worker_port "$1") ORCA_WORKER_HOST=127.0.0.1 ORCA_DATA_DIRECTORY="$dir/worker-$1" \
        launch "worker-$1" "$orca" worker
    wait_for "worker-$1" "$(worker_port "$1")" 60
}

start() {
    local masters=2 workers=2 index
    while [ $# -gt 0 ]; do
        case $1 in
        --masters) masters=$2; shift 2 ;;
        --workers) workers=$2; shift 2 ;;
        *) fail "unknown argument: $1 (see the head of this script)" ;;
        esac
    done
    need_build
    need_servers
    say "building"
    (cd "$ORCA_ROOT" && cargo build --release --quiet --bin orca)
    mkdir -p "$dir/run" "$dir/log"
    is_up zookeeper || start_zookeeper
    is_up mariadb || start_mariadb
    environment
    "$orca" migrate >>"$dir/log/migrate.log" 2>&1 || { tail -n 20 "$dir/log/migrate.log" >&2; fail "the schema cannot be made"; }
    for index in $(seq 1 "$masters"); do is_up "master-$index" || start_master "$index"; done
    for index in $(seq 1 "$workers"); do is_up "worker-$index" || start_worker "$index"; done
    status
}

status() {
    local file name
    shopt -s nullglob
    for file in "$dir"/run/*.pid; do
        name=$(basename "$file" .pid)
        if is_up "$name"; then printf '%-12s up    pid %s\n' "$name" "$(pid_of "$name")"; else printf '%-12s down\n' "$name"; fi
    done
    if is_up mariadb && is_up zookeeper; then
        environment
        "$orca" status || true
    fi
}

stop() {
    local file name
    shopt -s nullglob
    for file in "$dir"/run/master-*.pid; do end "$(basename "$file" .pid)" TERM 10; done
    for file in "$dir"/run/worker-*.pid; do end "$(basename "$file" .pid)" TERM 20; done
    for name in mariadb zookeeper; do end "$name" TERM 30; done
}

member() {
    case ${1:-} in master | worker) ;; *) fail "say master or worker, and its number" ;; esac
    case ${2:-} in '' | *[!0-9]*) fail "say the number of the $1" ;; esac
    echo "$1-$2"
}

signal_member() {
    local name pid
    name=$(member "${@:2}")
    pid=$(pid_of "$name")
    [ -n "$pid" ] || fail "$name does not run"
    kill "-$1" -- "-$pid"
}

command=${1:-}
[ $# -gt 0 ] && shift
case $command in
start) start "$@" ;;
status) status ;;
kill) signal_member KILL "$@" ;;
pause) signal_member STOP "$@" ;;
resume) signal_member CONT "$@" ;;
revive) member "$@" >/dev/null; "start_$1" "$2" ;;
orca) environment; "$orca" "$@" ;;
stop) stop ;;
clean) stop; rm -rf "$dir" ;;
*) sed -n '2,/^set -euo/p' "$0" | sed -n 's/^# \{0,1\}//p' >&2; exit 2 ;;
esac
