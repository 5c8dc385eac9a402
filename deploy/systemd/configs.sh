#!/bin/sh
# Writes nginx.conf, pgbouncer.ini with userlist.txt, and redis.conf for one machine without containers into a folder:
#
#     POSTGRES_USER=… POSTGRES_PASSWORD=… REDIS_PASSWORD=… sh deploy/systemd/configs.sh FOLDER
#
# They are the files of the containers with the places of Debian's packages. Everything listens on 127.0.0.1 alone.
set -eu
umask 077
from=$(dirname "$0")/..
to=$1
mkdir -p "$to"

# The units of nginx wait for its pid in /run; its folders are those of the package.
sed -e 's|^worker_processes .*|user www-data;\n&|' -e 's|^pid .*|pid /run/nginx.pid;|' -e '/^# Everything that is written/d' \
    -e 's|^error_log .*|error_log /var/log/nginx/error.log warn;|' -e 's|/dev/stdout|/var/log/nginx/access.log|' \
    -e '/_temp_path /d' -e '/# Docker.s own names/,/resolver_timeout /d' \
    -e 's|server catalog-1:8080 resolve|server 127.0.0.1:8081|' -e 's|server catalog-2:8080 resolve|server 127.0.0.1:8082|' \
    -e 's|listen 8080;|listen 127.0.0.1:8080;|' \
    -e '/# Whose word is taken/,/# .front/c\        # Whose word is taken for who the client is: what ends TLS on this machine.' \
    -e 's|172.31.250.1;|127.0.0.1;|' "$from/nginx.conf" >"$to/nginx.conf"

sed -e 's|^; Where the primary is: .*|[databases]\n; Whatever a client names, on the primary.|' \
    -e 's|^%include .*|* = host=127.0.0.1 port=5432|' -e 's|^listen_addr = .*|listen_addr = 127.0.0.1|' \
    -e 's|/run/pgbouncer/userlist.txt|/etc/pgbouncer/userlist.txt|' "$from/pgbouncer.ini" >"$to/pgbouncer.ini"
password=$(printf '%s' "${POSTGRES_PASSWORD:?}" | sed 's/"/""/g')
printf '"%s" "%s"\n' "${POSTGRES_USER:?}" "$password" >"$to/userlist.txt"

sed -e 's|^dir .*|dir /var/lib/redis\nbind 127.0.0.1|' -e 's| The password comes from the environment.||' \
    "$from/redis.conf" >"$to/redis.conf"
printf '\nrequirepass %s\n' "${REDIS_PASSWORD:?}" >>"$to/redis.conf"
