#!/bin/sh
# Makes the keys, certificates and the database's password of a new centre, and hands to each
# container what it needs of them. What is there already is left as it is; runs at every `up`.
set -eu
umask 077
centre=/var/lib/picket/centre
nats=/var/lib/picket/nats
database=/var/lib/picket/database

if [ ! -e $centre/operator.nk ]; then
    if [ -z "${CENTRE_NAMES:-}" ]; then
        echo "Set PICKET_CENTRE to the names by which agents and browsers reach this machine." >&2
        exit 1
    fi
    set -f
    names=''
    for name in $CENTRE_NAMES; do
        names="$names --name $name"
    done
    # Words by construction: picketctl refuses what is no host name.
    # shellcheck disable=SC2086
    picketctl init --dir $centre --resolver-dir $nats/jwt $names --name nats --name aggregator \
        --name localhost --name 127.0.0.1
fi
[ -e $centre/postgres.pem ] || picketctl certificate issue postgres --dir $centre --name postgres
if [ ! -e $centre/pgpass ]; then
    password=$(head -c 24 /dev/urandom | base64 | tr '+/' '-_')
    echo "postgres:5432:picket:picket:$password" >$centre/pgpass.new
    mv $centre/pgpass.new $centre/pgpass
fi

# hand_over FROM TO: whole, so that no reader sees a half.
hand_over() {
    cp "$1" "$2.new"
    mv "$2.new" "$2"
}
hand_over $centre/server.pem $nats/server.pem
hand_over $centre/server.key $nats/server.key
hand_over $centre/nats/resolver.conf $nats/resolver.conf
hand_over $centre/postgres.pem $database/postgres.pem
hand_over $centre/postgres.key $database/postgres.key
cut -d: -f5 $centre/pgpass >$database/password
