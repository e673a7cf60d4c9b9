#!/usr/bin/env bash
# install.sh DEB: installs the package in a Debian of its own, which is booted for it (a directory, in a container of systemd's;
# the machine is left alone), works with it, upgrades it, removes it, purges it. Its last line sums up: N passed, N failed.
set -euo pipefail

if [ "${1:-}" != inside ]; then
    if ! unshare --mount --pid --fork true 2>/dev/null; then
        echo 'install.sh: this machine lets nobody make namespaces: the package was built, and not tried'
        echo '0 passed, 0 failed'
        exit
    fi
    deb=$(realpath "$1")
    root=$(mktemp -d /var/tmp/keyrota-package-XXXXXX)
    trap 'rm -rf --one-file-system "$root"' EXIT
    # What it depends on and recommends; of alternatives the first.
    needed=$(dpkg-deb -f "$deb" Depends Recommends | sed 's/^[A-Z][a-z]*: //; s/([^)]*)//g; s/|[^,]*//g; s/ //g' | paste -sd,)
    # The server of the distribution's own is not what is tried here.
    # shellcheck disable=SC2016  # mmdebstrap's shell knows $1
    mmdebstrap --quiet --variant=minbase --include="$needed,systemd-sysv,dbus,opensmtpd" \
        --essential-hook='mkdir -p "$1"/etc/postgresql-common/createcluster.d' \
        --essential-hook='echo create_main_cluster = false >"$1"/etc/postgresql-common/createcluster.d/none.conf' \
        "$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)" "$root" >/dev/null
    cp "$deb" "$root/keyrota.deb"
    # The next version, with the same content.
    dpkg-deb -R "$deb" "$root/next"
    sed -i 's/^Version: .*/&+next/' "$root/next/DEBIAN/control"
    dpkg-deb --root-owner-group -Znone -b "$root/next" "$root/next.deb" >/dev/null
    cp "$0" "$root/install.sh"
    # The container ends when this does.
    cat >"$root/etc/systemd/system/try.service" <<'UNIT'
[Unit]
SuccessAction=exit
FailureAction=exit

[Service]
Type=oneshot
Environment=LC_ALL=C.UTF-8
ExecStart=/install.sh inside
StandardOutput=file:/said
StandardError=inherit
TimeoutStartSec=20min
UNIT
    status=0
    systemd-nspawn --quiet --register=no --keep-unit --boot --directory="$root" systemd.wants=try.service \
        </dev/null >"$root/booting" 2>&1 || status=$?
    cat "$root/said" || cat "$root/booting"
    exit "$status"
fi

passed=0
failed=0
said=$(mktemp)

# it SENTENCE COMMAND...
it() {
    local sentence=$1
    shift
    if "$@" >"$said" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $sentence"
        sed 's/^/    /' "$said"
    fi
}

as_keyrota() { runuser -u keyrota -- env -i PATH="$PATH" HOME=/var/lib/keyrota "$@"; }
is() { [ "$1" = "$2" ] || { echo "$1 is not $2"; return 1; }; }
is_gone() { [ ! -e "$1" ] || { echo "$1 is there"; return 1; }; }
says() { grep -qF "$1" "$2" || { cat "$2"; return 1; }; }
count() { find "$@" | wc -l; }
keys() { as_keyrota keyrota keys list --csv; }
dpkg_quietly() { DEBIAN_FRONTEND=noninteractive dpkg "$@"; }

it 'it installs' dpkg_quietly -i keyrota.deb
it 'there is a system user' getent passwd keyrota
it 'the data directory is the user'\''s alone' is "$(stat -c '%U %G %a' /var/lib/keyrota)" 'keyrota keyrota 700'
it 'every timer is enabled' is "$(count /etc/systemd/system/timers.target.wants -name 'keyrota-*')" \
    "$(count /lib/systemd/system -name 'keyrota-*.timer')"
valid() {
    systemd-analyze verify --man=no /lib/systemd/system/keyrota-*.timer keyrota@expire-keys.service keyrota-db.service 2>&1 |
        grep -i keyrota && return 1
    return 0
}
it 'systemd takes its units' valid
it 'the configuration is right' as_keyrota keyrota config check
it 'the database is started by its unit' is "$(systemctl is-active keyrota-db)" active
it 'every timer waits for its time' is "$(systemctl list-units --state=active --plain --no-legend 'keyrota-*.timer' | wc -l)" \
    "$(count /lib/systemd/system -name 'keyrota-*.timer')"
by_hand() { systemctl stop keyrota-db && as_keyrota keyrota db start && systemctl start keyrota@expire-keys; }
it 'a server that was started by hand hinders no job' by_hand
it 'owners may be told' as_keyrota keyrota mail release --yes
it 'an owner is made' as_keyrota keyrota owners create --email ada@example.com --name Ada
it 'a key is made' as_keyrota keyrota keys create --owner ada@example.com --name checkout --type secret
it 'a key is made that ends at once' as_keyrota keyrota keys create --owner ada@example.com --name short --type secret \
    --expires-at "$(date -u -d '+3 seconds' +%FT%TZ)"
for timer in /lib/systemd/system/keyrota-*.timer; do
    job=$(basename "${timer#*/keyrota-}" .timer)
    it "the job $job runs in its unit" systemctl start "keyrota@$job"
done

# The job's own timer, which would have us wait for minutes.
mkdir -p /run/systemd/system/keyrota-expire-keys.timer.d
printf '[Timer]\nOnCalendar=\nOnCalendar=*:*:0/2\nRandomizedDelaySec=0\n' >/run/systemd/system/keyrota-expire-keys.timer.d/soon.conf
systemctl daemon-reload
systemctl restart keyrota-expire-keys.timer
within_a_minute() { for _ in {1..60}; do "$@" >/dev/null && return; sleep 1; done; "$@"; }
is_expired() { keys | grep -F ,short, | grep -F expired; }
it 'a timer starts its job, which expires the key' within_a_minute is_expired
# So often that systemd would soon start it no more.
rm -r /run/systemd/system/keyrota-expire-keys.timer.d
systemctl daemon-reload
systemctl restart keyrota-expire-keys.timer
systemctl reset-failed keyrota@expire-keys
it 'its owner is told' systemctl start keyrota@notify-owners
it 'the message lies in the maildir' is "$(count /var/lib/keyrota/maildir/new -type f)" 1

printf '#!/bin/sh\ncat >/var/lib/keyrota/delivered\n' >/usr/local/bin/deliver
chmod +x /usr/local/bin/deliver
sed -i 's#^sinks:$#&\n  - {name: program, type: exec, command: [/usr/local/bin/deliver]}#' /etc/keyrota/keyrota.yaml
it 'a rotation is asked for' as_keyrota keyrota rotate 1 --reason manual --sink program
it 'a program gets the successor'\''s secret from the job in its unit' systemctl start keyrota@rotate-keys
it 'it is a secret' grep -q '^sk_live_' /var/lib/keyrota/delivered
# A mail server as one finds it, which takes a hundred messages in a session. Debian's cannot do TLS (its way of keeping the
# key apart does not work with OpenSSL 3).
useradd --create-home keeper
cat >/etc/smtpd.conf <<'SMTPD'
listen on 127.0.0.1 port 2525
action keep maildir "/home/keeper/kept" virtual { "@" = keeper }
match from local for any action keep
SMTPD
it 'OpenSMTPD starts' systemctl restart opensmtpd
sed -i '/^mail:/,/^notify:/{
    s#^  transport: .*#  transport: smtp#
    s#^  host: .*#  host: localhost#
    s#^  port: .*#  port: 2525#
    s#^  tls: .*#  tls: none#
}' /etc/keyrota/keyrota.yaml
it 'the configuration names the server' as_keyrota keyrota config check
people=120
many_keys_end() {
    local ends n
    ends=$(date -u -d '+40 seconds' +%FT%TZ)
    for n in $(seq $people); do
        as_keyrota keyrota owners create --email "owner$n@example.com" --name "Owner $n" &&
            as_keyrota keyrota keys create --owner "owner$n@example.com" --name "key-$n" --type secret --expires-at "$ends" || return
    done
    while [ "$(date -u +%FT%TZ)" \< "$ends" ]; do sleep 1; done
}
it 'many keys end' many_keys_end
it 'they are expired' systemctl start keyrota@expire-keys
it 'OpenSMTPD takes what their owners are told' systemctl start keyrota@notify-owners
have_come() { [ "$(count /home/keeper/kept/new -type f)" -ge "$people" ]; }
it 'each owner has a message' within_a_minute have_come
it 'no message is left' is "$(as_keyrota keyrota mail queue --json)" '[]'
it 'no unit has failed' is "$(systemctl list-units --state=failed --plain --no-legend 'keyrota*')" ''
it 'doctor finds nothing that fails' as_keyrota keyrota doctor
it 'bash reads the completion' bash -n /usr/share/bash-completion/completions/keyrota

echo '# of the administrator' >>/etc/keyrota/keyrota.yaml
systemctl disable --now keyrota-prune.timer 2>/dev/null
keys >before
it 'it is upgraded' dpkg_quietly -i next.deb
it 'an upgrade keeps the configuration' says '# of the administrator' /etc/keyrota/keyrota.yaml
it 'an upgrade keeps a timer disabled' is_gone /etc/systemd/system/timers.target.wants/keyrota-prune.timer
keys >after
it 'an upgrade keeps the keys' cmp before after
it 'an upgrade leaves the database up' is "$(systemctl is-active keyrota-db)" active
it 'the trail is intact' as_keyrota keyrota audit verify

it 'it is removed' dpkg_quietly -r keyrota
it 'the server is stopped' is_gone /var/lib/keyrota/postgres/postmaster.pid
it 'the configuration stays until it is purged' test -e /etc/keyrota/keyrota.yaml
it 'it is purged' dpkg_quietly -P keyrota
cp "$said" purged
it 'whoever purges it hears that the keys are kept' says '/var/lib/keyrota (database, signing key) was kept' purged
it 'the keys are kept' test -e /var/lib/keyrota/postgres/PG_VERSION
it 'the configuration is gone' is_gone /etc/keyrota
it 'no unit is enabled' is "$(count /etc/systemd/system -name '*keyrota*')" 0
it 'no state of units is left' is "$(count /var/lib/systemd -name '*keyrota*')" 0

it 'it is installed again' dpkg_quietly -i keyrota.deb
keys >after
it 'it goes on with the keys that were kept' cmp before after
dpkg_quietly -r keyrota >/dev/null 2>&1
rm -r /var/lib/keyrota
it 'it is purged where there are no keys' dpkg_quietly -P keyrota
it 'then nothing is left of it' is "$(getent passwd keyrota; find /etc /usr /lib /var -name '*keyrota*' -not -path '/var/cache/*')" ''

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
