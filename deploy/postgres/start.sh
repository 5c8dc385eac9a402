#!/bin/sh
# Starts a server as what PRIMARY_HOST says: the primary when that is its own name, NODE, and else a replica of that one.
#
# What was a primary never starts beside another one, and a copy stays a replica until it is promoted.
set -eu
if [ "$NODE" = "$PRIMARY_HOST" ]; then
    # As the image does, which makes the folder when there is none.
    exec docker-entrypoint.sh postgres "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    # A copy that was cut off is begun anew.
    find "$PGDATA" -mindepth 1 -delete
    export PGPASSWORD="$REPLICATION_PASSWORD"
    primary="--host=$PRIMARY_HOST --port=${PRIMARY_PORT:-5432} --username=$REPLICATION_USER"
    # A minute for a primary that is being made; then this ends, and is started again.
    tries=60
    until pg_isready --quiet --timeout=1 --dbname=postgres $primary; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || exit 1
        sleep 1
    done
    # Slots are not copied with a server, and that of an earlier copy may have lost what it was to keep.
    pg_receivewal --no-password $primary --slot=replica_1 --drop-slot 2>/dev/null || true
    pg_receivewal --no-password $primary --slot=replica_1 --create-slot
    pg_basebackup --no-password $primary --pgdata="$PGDATA/copy" --wal-method=stream --checkpoint=fast \
        --slot=replica_1 --write-recovery-conf
    # PG_VERSION comes last: who has it has all of it.
    find "$PGDATA/copy" -mindepth 1 -maxdepth 1 ! -name PG_VERSION -exec mv -t "$PGDATA" {} +
    mv "$PGDATA/copy/PG_VERSION" "$PGDATA/"
    rmdir "$PGDATA/copy"
    chmod 700 "$PGDATA"
    unset PGPASSWORD
fi
if [ ! -e "$PGDATA/standby.signal" ]; then
    echo "$NODE was a primary, and $PRIMARY_HOST is it now: remove the volume of $NODE to make it a replica" >&2
    exit 1
fi
exec postgres "$@"
