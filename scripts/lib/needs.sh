# Sourced by the other scripts: brings what a fresh Debian machine lacks, says so, and is quiet when nothing is missing.
# Needs root or sudo only when a package has to be installed.

ORCA_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export ORCA_ROOT

say() { printf '%s\n' "$*" >&2; }
fail() { say "error: $*"; exit 1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else fail "need root or sudo to run: $*"
    fi
}

# need_packages NAME...: installs the Debian packages that are not installed yet.
need_packages() {
    local missing=() name
    for name in "$@"; do
        dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
    done
    [ "${#missing[@]}" = 0 ] && return
    command -v apt-get >/dev/null || fail "these packages are missing and apt-get is not here: ${missing[*]}"
    say "installing system packages: ${missing[*]}"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

# need_rust: the toolchain that rust-toolchain.toml pins, with its components.
need_rust() {
    [ -x "$HOME/.cargo/bin/cargo" ] && PATH="$HOME/.cargo/bin:$PATH"
    command -v cargo >/dev/null || fail "cargo is not installed: install rustup (https://rustup.rs), then run this again"
    if command -v rustup >/dev/null; then
        local pinned
        pinned=$(sed -n 's/^channel = "\(.*\)"/\1/p' "$ORCA_ROOT/rust-toolchain.toml")
        if ! rustup toolchain list | grep -q "^$pinned"; then
            say "installing the Rust toolchain $pinned"
            rustup toolchain install "$pinned" --profile minimal --component rustfmt --component clippy >&2
        fi
        local component
        for component in rustfmt clippy; do
            rustup component list --toolchain "$pinned" --installed 2>/dev/null | grep -q "^$component" && continue
            say "installing the toolchain component $component"
            rustup component add --toolchain "$pinned" "$component" >&2
        done
    fi
}

need_build() { need_packages build-essential pkg-config libmariadb-dev; need_rust; }
need_servers() { need_packages zookeeper mariadb-server default-jre-headless iproute2; }
