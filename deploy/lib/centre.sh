# The centre and the agents of deploy/demo: keys, database, settings, starting, ending.
# Sourced by deploy/demo after steps.sh; uses $top, $state and $begun.

DEMO_AGENTS=(live branch-office warehouse)

# Under root everything runs as a plain user of its own; otherwise as whoever asks.
choose_user() {
    if [ "$(id -u)" -ne 0 ]; then
        demo_user=$(id -un)
        return 0
    fi
    demo_user=picket-demo
    if ! id $demo_user >/dev/null 2>&1; then
        useradd --system --user-group --no-create-home --home-dir "$state" \
            --shell /usr/sbin/nologin $demo_user
    fi
}

as_user() {
    if [ "$(id -u)" -eq 0 ]; then
        setpriv --reuid="$demo_user" --regid="$demo_user" --clear-groups -- "$@"
    else
        "$@"
    fi
}

picketctl() {
    as_user "$state/programs/picketctl" --dir "$state/centre" \
        --database "host=$state/run dbname=picket user=picket" "$@"
}

postgres_bin() {
    local found=(/usr/lib/postgresql/*/bin)
    echo "${found[-1]}"
}

make_folders() {
    local folder
    for folder in centre postgres agents logs run; do
        mkdir -p "$state/$folder"
        chmod 700 "$state/$folder"
        if [ "$(id -u)" -eq 0 ]; then
            chown "$demo_user:" "$state/$folder"
        fi
    done
}

make_database() {
    local data=$state/postgres bin
    bin=$(postgres_bin)
    cd /
    as_user "$bin/initdb" -D "$data" -U picket -A trust --no-sync -E UTF8 --locale=C.UTF-8
    echo 'CREATE DATABASE picket' | as_user "$bin/postgres" --single -D "$data" postgres
}

# Keys, first login and tokens; the database runs meanwhile under a supervisor of its own, which
# ends with this script whatever ends it.
make_centre() {
    local password_file=$state/centre/login.password supervisor
    local self=$BASHPID # a command in the background would expand it to its own
    as_user "$state/programs/picketctl" init --dir "$state/centre"
    as_user tee "$state/centre/nats/centre.conf" <"$top/deploy/nats/centre.conf" >/dev/null
    process_postgres >"$state/run/setup.list"
    "$state/programs/picket-demo-supervisor" --with-parent "$self" --run "$state/run" \
        "$state/run/setup.list" 9>&- &
    supervisor=$!
    wait_for_database
    (umask 077 && openssl rand -base64 12 | as_user tee "$password_file" >/dev/null)
    picketctl user add admin --role admin --password-file "$password_file"
    picketctl agent add live --site headquarters --out "$state/agents/live.token"
    picketctl agent add branch-office --site milan --out "$state/agents/branch-office.token"
    picketctl agent add warehouse --site genoa --out "$state/agents/warehouse.token"
    kill "$supervisor"
    wait "$supervisor"
}

wait_for_database() {
    local _
    for _ in {1..150}; do
        if as_user "$(postgres_bin)/pg_isready" -q -h "$state/run" -d picket -U picket; then
            return 0
        fi
        sleep 0.2
    done
    echo "PostgreSQL does not answer; its log: $state/logs/postgres.log"
    return 1
}

# What is half made is made anew.
set_up_centre() {
    choose_user
    if [ ! -e "$state/complete" ]; then
        rm -rf "$state"/{centre,postgres,agents,logs,run,complete}
    fi
    make_folders
    if [ -e "$state/complete" ]; then
        return 0
    fi
    step 'Making the database' make_database
    step "Making keys, login and tokens" make_centre
    touch "$state/complete"
    first_start=yes
}

# The first TCP port from here on that nobody listens on.
free_port() {
    local port=$1
    while [ -n "$(ss -ltnH "sport = :$port")" ]; do
        port=$((port + 1))
    done
    echo "$port"
}

# One section of the supervisor's list: process NAME [KEY VALUE]... -- COMMAND [ARGUMENT]...
process() {
    printf '[%s]\nlog = %s\n' "$1" "$state/logs/$1.log"
    shift
    while [ "$1" != -- ]; do
        printf '%s = %s\n' "$1" "$2"
        shift 2
    done
    printf 'user = %s\ncommand = %s\n' "$demo_user" "$2"
    shift 2
    if [ $# -gt 0 ]; then
        printf 'argument = %s\n' "$@"
    fi
}

process_postgres() {
    process postgres restart yes stop INT ready "unix:$state/run/.s.PGSQL.5432" -- \
        "$(postgres_bin)/postgres" -D "$state/postgres" -k "$state/run" -c listen_addresses= \
        -c shared_buffers=64MB
}

write_aggregator() {
    cat >"$state/centre/aggregator.conf" <<END
dir = $state/centre
[database]
url = host=$state/run dbname=picket user=picket
[nats]
urls = nats://127.0.0.1:$nats_port
[http]
listen = 127.0.0.1:$http_port
web = $state/programs/web
END
}

# write_agent NAME SITE SOURCE [FILTER]
write_agent() {
    cat >"$state/agents/$1.conf" <<END
name = $1
site = $2
token_file = $state/agents/$1.token
[nats]
urls = nats://127.0.0.1:$nats_port
[capture]
sources = $3
filter = ${4:-}
[spool]
dir = $state/agents/$1.spool
cap = 256MiB
END
}

write_list() {
    local name capability=()
    process_postgres
    process nats-server restart yes ready "tcp:$nats_port" -- \
        "$(command -v nats-server)" -c "$state/centre/nats/centre.conf" -a 127.0.0.1 -p "$nats_port"
    process aggregator restart yes ready "tcp:$http_port" -- \
        "$state/programs/picket-aggregator" --config "$state/centre/aggregator.conf"
    for name in "${DEMO_AGENTS[@]}"; do
        capability=()
        if [ "$name" = live ] && [ "$(id -u)" -eq 0 ]; then
            capability=(capability net_raw)
        fi
        process "$name" restart no "${capability[@]}" -- \
            "$state/programs/picket-agent" --config "$state/agents/$name.conf"
    done
}

write_configuration() {
    local captures=$state/programs/captures
    nats_port=$(free_port 4222)
    http_port=$(free_port 8080)
    url=http://127.0.0.1:$http_port/
    # Its own conversations would only show Picket to itself.
    filter="not (net 127.0.0.0/8 and (port $nats_port or port $http_port))"
    write_aggregator
    write_agent live headquarters any "$filter"
    write_agent branch-office milan "file:$captures/branch-office.pcap?loop&pace=1"
    write_agent warehouse genoa "file:$captures/warehouse.pcap?loop&pace=1"
    write_list >"$state/run/list"
    chmod 644 "$state"/centre/aggregator.conf "$state"/agents/*.conf
    echo "$url" >"$state/url"
    echo ready >"$state/run/ready.text"
}

# A second Ctrl-C changes nothing, so it says nothing.
end_all() {
    trap '' INT TERM HUP
    ending=yes
    printf '\nEnding all of it\n'
    kill -TERM "$supervisor" 2>/dev/null || true
}

# Starts everything, passing on what the supervisor says until it says that all is ready.
start_all() {
    local line
    exec 7< <(exec "$state/programs/picket-demo-supervisor" --with-parent $$ \
        --ready-text "$state/run/ready.text" --run "$state/run" "$state/run/list" 2>&1)
    supervisor=$!
    echo $supervisor >"$state/run/supervisor.pid"
    trap end_all INT TERM HUP
    trap 'kill -TERM $supervisor 2>/dev/null || true' EXIT
    while read -r line <&7; do
        if [ "$line" = ready ]; then
            return 0
        fi
        printf '  %s\n' "$line"
    done
    if [ -n "${ending:-}" ]; then
        exit 130
    fi
    give_up "The demo did not start; the logs are in $state/logs"
}

print_welcome() {
    local all_ms=$(($(now_ms) - begun))
    printf '\nReady after %s s, not counting %s s of downloads.\n' \
        "$(seconds_of $((all_ms - downloads_ms)))" "$(seconds_of "$downloads_ms")"
    printf '\n  Console:      %s\n' "$url"
    if [ "${first_start:-no}" = yes ]; then
        printf '  Sign in as:   admin, password %s (shown this once)\n' \
            "$(cat "$state/centre/login.password")"
    else
        printf '  Sign in as:   admin; the password is in %s\n' "$state/centre/login.password"
    fi
    printf '  Live agent:   all interfaces, %s\n' "$filter"
    if [ "$(id -u)" -ne 0 ]; then
        printf '                not root: it may not capture here; run the demo as root for that\n'
    fi
    printf '  Logs:         %s\n' "$state/logs"
    printf '\nCtrl-C ends all of it. deploy/demo --revive starts agents again that you killed.\n'
}

# Says what the supervisor says until it ends.
follow_until_end() {
    local line status=0
    while read -r line <&7; do
        printf '  %s\n' "$line"
    done
    wait "$supervisor" || status=$?
    trap - EXIT
    rm -f "$state/url" "$state/run/supervisor.pid"
    if [ $status -gt 128 ]; then
        give_up "The demo's supervisor was killed, and all that it had started ended with it."
    fi
    return $status
}
