#!/bin/sh
# Becomes a streaming replica: copies the primary when there is no copy yet, and follows it.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    # A copy that was cut off is begun anew.
    find "$PGDATA" -mindepth 1 -delete
    PGPASSWORD=$REPLICATION_PASSWORD pg_basebackup --host="$PRIMARY_HOST" --port="${PRIMARY_PORT:-5432}" \
        --username="$REPLICATION_USER" --no-password --pgdata="$PGDATA" --wal-method=stream --checkpoint=fast \
        --slot=replica_1 --write-recovery-conf
    chmod 700 "$PGDATA"
fi
exec postgres "$@"
