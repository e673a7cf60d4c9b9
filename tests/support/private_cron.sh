#!/bin/sh
# usage: private_cron.sh DIR
#
# Runs the machine's cron daemon on DIR/cron.d in the place of /etc/cron.d, and files the mail that it sends in DIR/mail.
# All of it in a mount namespace of its own: nothing of the machine is changed, and none of its own crontabs is started.
set -eu
if [ "${2:-}" != inside ]; then
    exec unshare --mount --propagation private "$0" "$1" inside
fi
dir=$1
mkdir -p "$dir/mail" "$dir/sbin"
: >"$dir/crontab"
mount --bind "$dir/cron.d" /etc/cron.d
mount --bind "$dir/crontab" /etc/crontab
mount -t tmpfs none /var/spool/cron
mkdir -m 1730 /var/spool/cron/crontabs
mount -t tmpfs none /run # where the machine's own daemon has its pid file

# cron hands mail to /usr/sbin/sendmail, which a machine may not even have: a folder of links to all the rest.
mount --bind /usr/sbin "$dir/sbin"
mount -t tmpfs -o mode=755 none /usr/sbin
ln -s "$dir"/sbin/* /usr/sbin
rm -f /usr/sbin/sendmail
cat >/usr/sbin/sendmail <<MAIL
#!/bin/sh
cat >"$dir/mail/.\$\$" && mv "$dir/mail/.\$\$" "$dir/mail/\$\$"
MAIL
chmod 755 /usr/sbin/sendmail
exec "$dir/sbin/cron" -f
