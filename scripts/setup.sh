#!/usr/bin/env bash
# Set up what a make target needs, and only what is missing: the virtual environment (with the versions in
# constraints.txt) and, for `demo` and `test`, system packages. Fast the second time. Usage: scripts/setup.sh [run|demo|test]
set -euo pipefail
cd "$(dirname "$0")/.."
target=${1:-run}
venv=.venv
say() { printf '\033[1m==> %s\033[0m\n' "$*"; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
        say "Not root and no sudo: cannot run: $*"; return 1
    fi
}

apt_updated=
apt_install() { # one or more packages; failing to get them is reported, the caller decides what it means
    command -v apt-get >/dev/null || { say "No apt-get here; please install: $*"; return 1; }
    if [ -z "$apt_updated" ]; then as_root apt-get update -qq || return 1; apt_updated=1; fi
    say "Installing system packages: $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

library() { ldconfig -p 2>/dev/null | grep -q "$1"; }

python=${PYTHON:-python3}
command -v "$python" >/dev/null || apt_install python3 python3-venv
"$python" - <<'PY' || { say "Python 3.11 or newer is needed; set PYTHON=/path/to/it"; exit 1; }
import sys
sys.exit(sys.version_info < (3, 11))
PY

extras=""
[ "$target" = test ] && extras="[dev]"
wanted=$(cat pyproject.toml constraints.txt | sha256sum | cut -d' ' -f1)
stamp="$venv/.installed"
if ! grep -qxF "$wanted" "$stamp" 2>/dev/null || { [ -n "$extras" ] && ! grep -qxF "dev" "$stamp"; }; then
    if [ ! -x "$venv/bin/python" ]; then
        say "Making the virtual environment"
        "$python" -m venv "$venv" 2>/dev/null || { apt_install python3-venv; "$python" -m venv --clear "$venv"; }
    fi
    keep_dev=""
    grep -qxF "dev" "$stamp" 2>/dev/null && keep_dev=1
    [ -n "$keep_dev" ] && extras="[dev]"
    say "Installing OpenDeep and its dependencies (once; a minute or two)"
    "$venv/bin/python" -m pip install -q --disable-pip-version-check -c constraints.txt -e ".$extras"
    { echo "$wanted"; [ -n "$extras" ] && echo dev; } >"$stamp" || true
fi

case "$target" in
demo | run)
    # A natural voice where the system has one; eSpeak NG from the Python packages otherwise.
    library libflite.so.1 || apt_install libflite1 || say "Going on with the built-in voice"
    ;;
test)
    library libflite.so.1 || apt_install libflite1 || true
    missing=()
    command -v redis-server >/dev/null || missing+=(redis-server)
    compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null || missing+=(postgresql)
    command -v chromium >/dev/null || missing+=(chromium)
    command -v sipp >/dev/null || missing+=(sip-tester)
    if [ ${#missing[@]} -gt 0 ]; then apt_install "${missing[@]}" || say "Tests that need these will be skipped"; fi
    scripts/asterisk_root.sh || say "No Asterisk here: its tests will be skipped (and fail where CI=true)"
    ;;
esac
