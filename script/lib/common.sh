# Sourced by the scripts beside this folder: where things are, how a step is told, packages, virtual environment.
# Never asks anything; every failure names the next move.

PROJECT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
VENV=$PROJECT/.venv
export DEBIAN_FRONTEND=noninteractive PYTHONUNBUFFERED=1

step() { printf '==> %s\n' "$*"; }
note() { printf '    %s\n' "$*"; }
die() {
    printf '    %s\n' "$@" >&2
    exit 1
}

# Bash handles a signal only between commands, so long commands run beside it and are ended by hand.
child=
stop_child() {
    trap '' TERM INT HUP
    [ -n "$child" ] && kill "$child" 2>/dev/null && wait "$child"
    echo "stopped." >&2
    exit 143
}
trap stop_child TERM INT HUP
run() {
    "$@" &
    child=$!
    wait "$child"
    local status=$?
    child=
    return $status
}

# Values of .env that the environment does not have yet; plain KEY=VALUE lines, nothing is evaluated.
load_env_file() {
    [ -r "$PROJECT/.env" ] || return 0
    local line key value
    while IFS= read -r line || [ -n "$line" ]; do
        [[ $line =~ ^([A-Z][A-Z0-9_]*)=(.*)$ ]] || continue
        key=${BASH_REMATCH[1]} value=${BASH_REMATCH[2]}
        [[ $value =~ ^\"(.*)\"$ || $value =~ ^\'(.*)\'$ ]] && value=${BASH_REMATCH[1]}
        [ -n "${!key+set}" ] || export "$key=$value"
    done <"$PROJECT/.env"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n env DEBIAN_FRONTEND=noninteractive "$@"; fi
}
can_be_root() { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }

missing_packages() {
    local installed
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p')
    for package in "$@"; do grep -qxF "$package" <<<"$installed" || echo "$package"; done
}

# Installs those of the given Debian packages that are missing. Status 1 when it could not; what to run was printed.
ensure_packages() {
    command -v apt-get >/dev/null || { note "no apt-get here; make sure the equivalents of these are installed: $*"; return 1; }
    local missing
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} = 0 ] && return 0
    local advice="sudo apt-get update && sudo apt-get install --no-install-recommends ${missing[*]}"
    if ! can_be_root; then
        note "missing Debian packages, and installing them needs root. Run:" "$advice"
        return 1
    fi
    step "Installing Debian packages: ${missing[*]}"
    local options=(-y -q -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
    run as_root apt-get update -q -o DPkg::Lock::Timeout=300 >/dev/null || note "apt-get update failed; trying with the lists there are"
    run as_root apt-get install "${options[@]}" --no-install-recommends "${missing[@]}" >"${APT_LOG:=$(mktemp)}" 2>&1 || {
        tail -n 15 "$APT_LOG" | sed 's/^/    /'
        note "apt-get could not install them. Fix what it says above, or run: $advice"
        return 1
    }
}

sha() { cat "$@" | sha256sum | cut -d' ' -f1; }

# ensure_venv FILE...: a virtual environment with exactly these requirement files, redone only when one changed.
ensure_venv() {
    local stamp=$VENV/.$(basename "${!#}").sha256 wanted
    wanted=$(sha "$@")
    [ -x "$VENV/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return 0
    step "Installing Python packages into .venv"
    if ! [ -x "$VENV/bin/python" ]; then
        python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "Python 3.11 or newer is needed; this is $(python3 --version 2>&1)."
        python3 -m venv "$VENV" || die "python3 could not make a virtual environment. Run: sudo apt-get install python3-venv"
    fi
    local files=() file
    for file in "$@"; do files+=(-r "$file"); done
    if ! run "$VENV/bin/python" -m pip install -q --disable-pip-version-check "${files[@]}"; then
        note "pip failed. Most often a package index that cannot be reached (set PIP_INDEX_URL or a proxy), or the headers that"
        die "libvirt-python is built with: sudo apt-get install gcc pkg-config libvirt-dev python3-dev. Then run this again."
    fi
    echo "$wanted" >"$stamp"
}
