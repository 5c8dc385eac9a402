#!/bin/sh
# Whether the server is well: it answers, and a replica is sent the log. One that was left behind answers, too.
#
# By the network, which the server that runs while the folder is made does not answer.
set -eu
answer=$(PGPASSWORD="$POSTGRES_PASSWORD" PGCONNECT_TIMEOUT=3 psql --no-psqlrc --no-align --tuples-only --host=127.0.0.1 \
    --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" --command="SELECT NOT pg_is_in_recovery()
        OR EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming')")
[ "$answer" = t ]
