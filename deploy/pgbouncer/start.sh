#!/bin/sh
# Writes down who may connect and where the primary is, from the environment, and becomes PgBouncer.
set -eu
umask 077
# A quote inside of a password is written twice.
password=$(printf '%s' "$POSTGRES_PASSWORD" | sed 's/"/""/g')
printf '"%s" "%s"\n' "$POSTGRES_USER" "$password" >/run/pgbouncer/userlist.txt
# Whatever database a client names, on the primary.
printf '[databases]\n* = host=%s port=%s\n' "$PRIMARY_HOST" "${PRIMARY_PORT:-5432}" >/run/pgbouncer/databases.ini
exec pgbouncer /etc/pgbouncer/pgbouncer.ini
