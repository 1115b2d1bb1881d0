#!/bin/sh
# Starts PostgreSQL, and before that makes its cluster when the volume is empty: superuser postgres
# by the socket inside this container alone, user and database picket by TLS and password.
set -eu
umask 077
data=/var/lib/picket/postgres/15
keys=/var/lib/picket/database

make_cluster() {
    rm -rf "$data.new" # half made by a start that was cut short
    # Who may come in stands below; nobody can before it is written.
    initdb -D "$data.new" -U postgres -E UTF8 --locale=C.UTF-8 --data-checksums --auth=trust
    cat >"$data.new/pg_hba.conf" <<END
local   all    all                 trust
hostssl picket picket 0.0.0.0/0    scram-sha-256
hostssl picket picket ::/0         scram-sha-256
END
    postgres --single -D "$data.new" postgres >/dev/null <<END
CREATE ROLE picket LOGIN PASSWORD '$(cat $keys/password)'
CREATE DATABASE picket OWNER picket
END
    mv "$data.new" "$data"
}

[ -s $data/PG_VERSION ] || make_cluster
exec postgres -D $data -c listen_addresses='*' -c unix_socket_directories=/run/postgresql \
    -c ssl=on -c ssl_cert_file=$keys/postgres.pem -c ssl_key_file=$keys/postgres.key \
    -c ssl_min_protocol_version=TLSv1.3 -c password_encryption=scram-sha-256 "$@"
