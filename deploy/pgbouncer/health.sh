#!/bin/sh
# Whether the primary answers through PgBouncer.
set -eu
PGPASSWORD="$POSTGRES_PASSWORD" PGCONNECT_TIMEOUT=3 psql --no-psqlrc --quiet --output=/dev/null --host=127.0.0.1 \
    --port="${LISTEN_PORT:-6432}" --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" --command='SELECT 1'
