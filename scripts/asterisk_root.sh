#!/usr/bin/env bash
# Finds or fetches an Asterisk 20 or newer, without root and without installing anything on the machine.
#
#   scripts/asterisk_root.sh [TARGET]
#
# An Asterisk on the PATH (or in the usual sbin folders) is taken as it is. Otherwise the Debian/Ubuntu packages are
# downloaded with apt (a private apt state, signatures checked) and unpacked into TARGET, by default
# ${OPENDEEP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/opendeep}/asterisk-root. TARGET/bin/asterisk starts the unpacked
# program with its own C library, so nothing is mounted, no chroot is needed and nothing is left behind but TARGET.
# Debian 12 and 13 carry no asterisk package, therefore Debian's "sid" is read there.
#
# What happens is told on stderr; stdout carries five lines, key=value:
#   asterisk=<program>  modules=<folder>  data=<folder>  version=<x.y.z>  source=path|cache
# Exit codes: 0 found or fetched; 2 cannot be had on this machine; 3 another run held the lock for too long.
set -euo pipefail

readonly MINIMUM_MAJOR=20
readonly LOCK_TIMEOUT_SECONDS=600
readonly NETWORK_TIMEOUT_SECONDS=30
readonly DEFAULT_CACHE="${OPENDEEP_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/opendeep}"
readonly TARGET="${1:-$DEFAULT_CACHE/asterisk-root}"

say() { printf 'asterisk_root: %s\n' "$*" >&2; }
fail() { say "cannot get an Asterisk: $*"; exit 2; }

version_of() { "$1" -V 2>/dev/null | sed -nE 's/^Asterisk (certified[-/])?([0-9]+(\.[0-9]+)*).*/\2/p'; }

report() { # program modules data version source
    printf 'asterisk=%s\nmodules=%s\ndata=%s\nversion=%s\nsource=%s\n' "$@"
}

modules_below() { # the folder that holds app_audiosocket.so below one of the given library folders
    local found
    found=$(find "$@" -maxdepth 4 -name app_audiosocket.so -print -quit 2>/dev/null) || true
    [ -n "$found" ] && dirname "$found"
}

report_installed() {
    local program version prefix modules data
    for program in "$(command -v asterisk || true)" /usr/sbin/asterisk /usr/local/sbin/asterisk; do
        [ -x "$program" ] || continue
        version=$(version_of "$program")
        if [ -z "$version" ]; then say "$program does not tell its version"; continue; fi
        if [ "${version%%.*}" -lt "$MINIMUM_MAJOR" ]; then say "$program is too old ($version)"; continue; fi
        prefix=$(dirname "$(dirname "$(readlink -f "$program")")")
        modules=$(modules_below "$prefix/lib" "$prefix/lib64") || { say "$program has no app_audiosocket"; continue; }
        for data in "$prefix/share/asterisk" /var/lib/asterisk; do [ -d "$data/documentation" ] && break; done
        say "using $program, version $version"
        report "$program" "$modules" "$data" "$version" path
        return 0
    done
    return 1
}

report_cached() {
    [ -f "$TARGET/complete" ] && [ -x "$TARGET/bin/asterisk" ] || return 1
    say "using the cached $TARGET, version $(cat "$TARGET/complete")"
    report "$TARGET/bin/asterisk" "$(modules_below "$TARGET/usr/lib")" "$TARGET/usr/share/asterisk" "$(cat "$TARGET/complete")" cache
}

apt_source_line() { # work-folder; one sources.list line with asterisk in it, on the mirror that apt already uses
    local id codename uri keyring suite components
    # shellcheck disable=SC1091
    id=$(. /etc/os-release && printf %s "$ID")
    # shellcheck disable=SC1091
    codename=$(. /etc/os-release && printf %s "${VERSION_CODENAME:-}")
    case "$id" in
        debian) suite=sid components=main keyring=/usr/share/keyrings/debian-archive-keyring.gpg ;;
        ubuntu) suite=$codename components="main universe" keyring=/usr/share/keyrings/ubuntu-archive-keyring.gpg ;;
        *) fail "this is $id, not Debian or Ubuntu; install Asterisk $MINIMUM_MAJOR or newer yourself, it is found on the PATH" ;;
    esac
    [ -r "$keyring" ] || fail "no $keyring; install the package $(basename "$keyring" .gpg)"
    # Asking apt what it would fetch names the mirror even where no package list was ever fetched.
    uri=$(apt-get update --print-uris -o "Dir::State=$1/state" 2>/dev/null |
        awk -v marker="/dists/$codename/" '!uri && (at = index($1, marker)) { uri = substr($1, 2, at - 2) } END { print uri }')
    [ -n "$uri" ] || fail "apt has no mirror with $id $codename main configured"
    printf 'deb [signed-by=%s] %s %s %s\n' "$keyring" "$uri" "$suite" "$components"
}

private_apt() { # apt-get in a state of its own below $1, which knows no installed package
    local work=$1
    shift
    apt-get -q=2 -o "Dir::Etc::sourcelist=$work/sources.list" -o "Dir::Etc::sourceparts=$work/none" \
        -o "Dir::Etc::preferences=$work/none/p" -o "Dir::Etc::preferencesparts=$work/none" \
        -o "Dir::State=$work/state" -o "Dir::State::status=$work/status" -o "Dir::Cache=$work/cache" \
        -o "APT::Sandbox::User=$(id -un)" -o APT::Install-Recommends=false -o Acquire::Languages=none \
        -o Acquire::Retries=3 -o "Acquire::http::Timeout=$NETWORK_TIMEOUT_SECONDS" \
        -o "Acquire::https::Timeout=$NETWORK_TIMEOUT_SECONDS" "$@"
}

write_launcher() { # the unpacked program, run by the unpacked dynamic loader, with the unpacked libraries
    mkdir -p "$1/bin"
    cat >"$1/bin/asterisk" <<'LAUNCHER'
#!/bin/sh
# Written by scripts/asterisk_root.sh: the unpacked Asterisk with its own C library.
root=$(dirname "$(dirname "$(readlink -f "$0")")")
for loader in "$root"/usr/lib/*-linux-gnu*/ld-linux*.so.*; do break; done
exec "$loader" --argv0 asterisk --library-path "$(dirname "$loader")" "$root/usr/sbin/asterisk" "$@"
LAUNCHER
    chmod 755 "$1/bin/asterisk"
}

unpack_into() { # work-folder root-folder
    local work=$1 root=$2 package
    mkdir -p "$work"/state/lists/partial "$work"/cache/archives/partial "$work/none" "$root"
    : >"$work/status"
    apt_source_line "$work" >"$work/sources.list"
    say "reading the package lists"
    private_apt "$work" update || fail "apt could not read the package lists (its reason is above)"
    say "downloading asterisk and the libraries it needs (about 80 MB)"
    private_apt "$work" --yes --download-only install asterisk asterisk-modules || fail "apt could not download the packages (its reason is above)"
    say "unpacking $(find "$work/cache/archives" -name '*.deb' | wc -l) packages"
    for package in "$work"/cache/archives/*.deb; do
        case "$(basename "$package")" in perl-modules-*) continue ;; esac
        dpkg-deb -x "$package" "$root" || fail "could not unpack $package"
    done
    rm -rf "$root"/usr/share/{doc,man,locale,info,perl}
    write_launcher "$root"
}

build() {
    local tool work version
    for tool in apt-get dpkg-deb flock; do command -v "$tool" >/dev/null || fail "$tool is missing"; done
    mkdir -p "$(dirname "$TARGET")" 2>/dev/null || fail "cannot create $(dirname "$TARGET")"
    [ -w "$(dirname "$TARGET")" ] || fail "$(dirname "$TARGET") is not writable"
    exec 9>"$TARGET.lock"
    flock -w "$LOCK_TIMEOUT_SECONDS" 9 || { say "another run holds $TARGET.lock"; exit 3; }
    report_cached && return 0 # somebody else built it while we waited
    work=$(mktemp -d "$TARGET.building.XXXXXX")
    # shellcheck disable=SC2064
    trap "rm -rf '$work'" EXIT
    say "no Asterisk $MINIMUM_MAJOR or newer is installed; fetching one into $TARGET"
    unpack_into "$work" "$work/root"
    version=$(version_of "$work/root/bin/asterisk")
    [ -n "$version" ] || fail "the unpacked Asterisk does not start"
    printf '%s\n' "$version" >"$work/root/complete"
    rm -rf "$TARGET"
    mv -T "$work/root" "$TARGET"
    report_cached
}

report_installed || report_cached || build
