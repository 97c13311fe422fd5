#!/usr/bin/env bash
# Set up what a make target needs, and only what is missing: the virtual environment (with the versions in
# constraints.txt) and, for `demo` and `test`, system packages. Fast the second time. Usage: scripts/setup.sh [run|demo|dev|test]
# Without root and sudo it goes on with what is there and names what is not. PYTHON names another interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin # ldconfig and servers lie there, off an ordinary user's PATH
readonly APT_LOCK_TIMEOUT_SECONDS=120
target=${1:-run}
venv=.venv
python=${PYTHON:-python3}

say() { printf '\033[1m==> %s\033[0m\n' "$*"; }
have() { command -v "$1" >/dev/null; }
library() { ldconfig -p 2>/dev/null | grep -F "$1" >/dev/null; } # reads to the end: no broken pipe under pipefail

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; return; fi
    if ! have sudo; then say "Neither root nor sudo; not done: $*"; return 1; fi
    if [ -t 0 ]; then sudo "$@"; else sudo -n "$@"; fi # never wait for a password that nobody can type
}

apt() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o "DPkg::Lock::Timeout=$APT_LOCK_TIMEOUT_SECONDS" "$@"; }

apt_updated=
apt_install() { # one or more packages; failing to get them is reported, the caller decides what it means
    have apt-get || { say "No apt-get here; please install: $*"; return 1; }
    say "Installing system packages: $*"
    if [ -z "$apt_updated" ]; then apt update || return 1; apt_updated=1; fi
    apt install -y --no-install-recommends "$@" >/dev/null
}

install_python() {
    have "$python" || apt_install python3 python3-venv || { say "Python is missing"; exit 1; }
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        { say "Python 3.11 or newer is needed, this is $("$python" -V); set PYTHON=/path/to/it"; exit 1; }
}

make_venv() { # anew also where an earlier attempt was interrupted, or its interpreter is gone
    "$venv/bin/python" -m pip --version >/dev/null 2>&1 && return
    "$python" -c 'import ensurepip, venv' 2>/dev/null || apt_install python3-venv ||
        { say "$python cannot make virtual environments: install the package python3-venv, or set PYTHON"; exit 1; }
    say "Making the virtual environment"
    "$python" -m venv --clear "$venv"
}

install_packages() { # into the virtual environment, when pyproject.toml or constraints.txt changed or `dev` needs more
    local stamp="$venv/.installed" wanted extras=""
    wanted=$(cat pyproject.toml constraints.txt | sha256sum | cut -d' ' -f1)
    if [[ $target = @(dev|test) ]] || grep -qxF dev "$stamp" 2>/dev/null; then extras="[dev]"; fi
    if grep -qxF "$wanted" "$stamp" 2>/dev/null && { [ -z "$extras" ] || grep -qxF dev "$stamp"; }; then return; fi
    make_venv
    say "Installing OpenDeep and its dependencies (once; a minute or two)"
    "$venv/bin/python" -m pip install -q --disable-pip-version-check -c constraints.txt -e ".$extras"
    printf '%s\n' "$wanted" ${extras:+dev} >"$stamp"
}

missing_packages() { # the Debian packages of the parts that `make test` needs and does not find
    library libflite.so.1 || echo libflite1
    have redis-server || have valkey-server || echo redis-server
    have initdb || compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null || echo postgresql
    have chromium || have chromium-browser || have google-chrome || echo chromium
    have sipp || echo sip-tester
    library libpango-1.0.so.0 || echo libpango-1.0-0
    library libpangoft2-1.0.so.0 || echo libpangoft2-1.0-0
    library libharfbuzz-subset.so.0 || echo libharfbuzz-subset0
}

install_parts() { # together; one by one where that fails, so that one unknown package does not cost all the others
    local missing package
    mapfile -t missing < <(missing_packages)
    [ ${#missing[@]} = 0 ] && return
    apt_install "${missing[@]}" && return
    [ ${#missing[@]} -gt 1 ] && [ -n "$apt_updated" ] && for package in "${missing[@]}"; do apt_install "$package" || true; done
    return 0
}

report_parts() { # what the tests will go without
    local missing
    mapfile -t missing < <(missing_packages)
    scripts/asterisk_root.sh >/dev/null || missing+=("Asterisk 20 or newer")
    [ ${#missing[@]} = 0 ] && return
    printf -v missing_list '%s, ' "${missing[@]}"
    say "MISSING: ${missing_list%, }. Tests that need them are skipped and counted (with CI=true they fail)"
}

install_python
install_packages
case "$target" in
demo | run) # a natural voice where the system has one; eSpeak NG from the Python packages otherwise
    library libflite.so.1 || apt_install libflite1 || say "Going on with the built-in voice (package libflite1 has a nicer one)" ;;
test)
    install_parts
    report_parts ;;
esac
