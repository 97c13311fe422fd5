#!/usr/bin/env bash
# Runs an Asterisk with the configuration of OpenDeep, in the foreground, without root. Ctrl-C ends it.
#
#   scripts/asterisk_run.sh [NAME=value ...]
#
# Everything lies in ${OPENDEEP_ASTERISK_DIR:-<cache>/asterisk-run}: `settings` (ports, secrets; made up the first time and
# kept), etc/*.local.conf (your trunk, your routes), log/messages. NAME=value arguments are added to `settings`, PBX_NAME in
# the environment counts for this start only; `scripts/render_asterisk_conf.py --help` lists the names. An Asterisk on the
# PATH is used, otherwise one is fetched.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
readonly here
readonly CACHE="${OPENDEEP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/opendeep}"
readonly DIRECTORY="${OPENDEEP_ASTERISK_DIR:-$CACHE/asterisk-run}"
readonly SETTINGS="$DIRECTORY/settings"

found=$("$here/asterisk_root.sh")
value_of() { sed -n "s/^$1=//p" <<<"$found"; }

make_settings() {
    local address
    address=$(hostname -I 2>/dev/null | cut -d' ' -f1) || true
    (
        umask 077
        python3 - >"$SETTINGS" <<PYTHON
import secrets
print("AMI_SECRET=" + secrets.token_urlsafe(18))
print("PHONE_SECRET=" + secrets.token_urlsafe(18))
print("MEDIA_ADDRESS=${address:-127.0.0.1}")
PYTHON
    )
}

mkdir -p "$DIRECTORY"/{etc,var/keys,spool,run,log}
[ -f "$SETTINGS" ] || make_settings
for argument in "$@"; do
    case "$argument" in [A-Z]*=*) ;; *) echo "asterisk_run: '$argument' is not NAME=value" >&2; exit 2 ;; esac
    sed -i "/^${argument%%=*}=/d" "$SETTINGS"
    printf '%s\n' "$argument" >>"$SETTINGS"
done

python3 "$here/render_asterisk_conf.py" "$DIRECTORY/etc" --settings "$SETTINGS" \
    --set "MODULES_DIR=$(value_of modules)" --set "DATA_DIR=$(value_of data)" --set "VAR_DIR=$DIRECTORY/var" \
    --set "SPOOL_DIR=$DIRECTORY/spool" --set "RUN_DIR=$DIRECTORY/run" --set "LOG_DIR=$DIRECTORY/log"
asterisk=$(value_of asterisk)
echo "# console: $asterisk -C $DIRECTORY/etc/asterisk.conf -r"
exec "$asterisk" -f -n -C "$DIRECTORY/etc/asterisk.conf"
