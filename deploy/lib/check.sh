# deploy/demo --check: the way from a packet to the API, without a person.
# Sourced by deploy/demo after centre.sh; uses $state, $url and $supervisor.

CHECK_UP_S=60      # for the agents to be Up
CHECK_TRAFFIC_S=30 # for traffic to be seen
# nDPI knows DNS by its port, so the test's server has the port and an address of its own.
CHECK_DNS_SERVER=127.53.53.53

check_get() {
    curl -sS --max-time 10 -b "$check_dir/cookies" "${url}api/v1/$1"
}

# Reads one answer of the API from standard input: json EXPRESSION, with the answer as `a`.
json() {
    /usr/bin/python3 -c 'import json, sys; a = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"
}

# One line an instance: its name, its state, why, and the rate of what it sees.
print_instances() {
    check_get fleet | /usr/bin/python3 -c 'import json, sys
for i in json.load(sys.stdin)["instances"]:
    rate = "no rate yet" if i["throughput_bps"] is None else "{:.0f} bit/s".format(i["throughput_bps"])
    print("  {:16} {:12} {}".format(i["name"], i["state"], "; ".join([*i["reasons"], rate])))'
}

# within SECONDS WHAT COMMAND...: tries until the command succeeds, or gives the reason and fails.
within() {
    local limit=$1 what=$2 until
    shift 2
    until=$(($(now_ms) + limit * 1000))
    while ! "$@" 2>/dev/null; do
        if [ -n "${ending:-}" ]; then
            check_reason="ended from outside while waiting for: $what"
            return 1
        fi
        if [ "$(now_ms)" -gt "$until" ]; then
            check_reason="not within $limit s: $what"
            return 1
        fi
        sleep 0.3
    done
    printf '  seen: %s\n' "$what"
}

check_login() {
    local body status
    body=$(/usr/bin/python3 -c 'import json, sys
print(json.dumps({"user": "admin", "password": open(sys.argv[1]).read().strip()}))' \
        "$state/centre/login.password")
    status=$(curl -sS --max-time 10 -o /dev/null -w '%{http_code}' -c "$check_dir/cookies" \
        -H 'Content-Type: application/json' --data @- "${url}api/v1/session" <<<"$body") || return 1
    [ "$status" = 200 ]
}

instances_are_up() {
    [ "$(check_get fleet | json 'sum(i["state"] == "up" for i in a["instances"])')" = 3 ]
}

instances_have_traffic() {
    [ "$(check_get fleet | json 'sum((i["throughput_bps"] or 0) > 0 for i in a["instances"])')" = 3 ]
}

# A little traffic on loopback: a page by HTTP, a name by DNS.
make_traffic() {
    curl -sS -o /dev/null --max-time 5 "http://127.0.0.1:$check_web/" || return 1
    dig +tries=1 +time=2 "@$CHECK_DNS_SERVER" www.example.test >/dev/null
}

start_servers() {
    check_web=$(free_port 18080)
    (cd "$check_dir" && exec /usr/bin/python3 -m http.server "$check_web" --bind 127.0.0.1) \
        >/dev/null 2>&1 9>&- &
    check_servers=($!)
    dnsmasq --keep-in-foreground --conf-file=/dev/null --no-hosts --no-resolv --pid-file= \
        --bind-interfaces --listen-address="$CHECK_DNS_SERVER" --user="$(id -un)" \
        --address=/example.test/192.0.2.7 >/dev/null 2>&1 9>&- &
    check_servers+=($!)
}

# drill_down_shows SERVER PORT PROTOCOL: what the console asks, answered live by the agent.
drill_down_shows() {
    make_traffic || return 1
    [ "$(check_get "instances/live/query?op=flows&server=$1&port=$2&limit=5" |
        json "any(row['protocol'] == '$3' for row in a.get('rows', [])) and a['live']")" = True ]
}

check_steps() {
    within 10 'the sign-in is accepted' check_login &&
        within $CHECK_UP_S 'three instances Up' instances_are_up &&
        start_servers &&
        within 10 'the test servers answer' make_traffic &&
        within $CHECK_TRAFFIC_S 'traffic at all three' instances_have_traffic &&
        within 10 "a curl as HTTP in the live instance's flows" \
            drill_down_shows 127.0.0.1 "$check_web" HTTP &&
        within 10 "a dig as DNS in the live instance's flows" \
            drill_down_shows "$CHECK_DNS_SERVER" 53 DNS
}

# Ends everything and looks for what is left: processes that run programs of the demo.
check_end() {
    local pids
    pids=$(cat "$state"/run/*.pid)
    kill "${check_servers[@]}" 2>/dev/null || true
    kill -TERM "$supervisor"
    follow_until_end || return 1
    for pid in $pids; do
        if [ -d "/proc/$pid" ]; then
            check_reason="process $pid is still there after the end"
            return 1
        fi
    done
}

check_all() {
    local status=0
    check_dir=$(mktemp -d)
    check_servers=()
    check_reason='a step failed'
    printf 'Started after %s s, not counting %s s of downloads. Checking:\n' \
        "$(seconds_of $(($(now_ms) - begun - downloads_ms)))" "$(seconds_of "$downloads_ms")"
    check_steps || status=1
    if [ $status -ne 0 ]; then
        printf '\nThe instances at the end:\n'
        print_instances || echo '  the API does not answer'
    fi
    check_end || status=1
    rm -rf "$check_dir"
    if [ $status -ne 0 ]; then
        give_up "deploy/demo --check: FAILED: $check_reason. Logs: $state/logs"
    fi
    printf '\ndeploy/demo --check: all well\n'
}
