#!/bin/sh
# Writes down who may connect, from the environment, and becomes PgBouncer.
set -eu
umask 077
# A quote inside of a password is written twice.
password=$(printf '%s' "$POSTGRES_PASSWORD" | sed 's/"/""/g')
printf '"%s" "%s"\n' "$POSTGRES_USER" "$password" >/run/pgbouncer/userlist.txt
exec pgbouncer /etc/pgbouncer/pgbouncer.ini
