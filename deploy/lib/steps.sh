# The steps of deploy/demo up to programs that can be started: packages, builds, copies.
# Sourced by deploy/demo, which sets $top, $install, $action and $downloads_ms.

give_up() {
    printf '\n%s\n' "$*" >&2
    exit 1
}

# Runs a function with its name and time on one line; shows the end of its output when it fails.
# It runs in a subshell that ends at the first failure, so never call step itself in a condition.
step() {
    local title=$1 log started status
    shift
    log=$(mktemp)
    started=$(now_ms)
    printf '%-34s' "$title"
    set +e
    (
        set -e
        "$@"
    ) >"$log" 2>&1 </dev/null
    status=$?
    set -e
    if [ $status -ne 0 ]; then
        printf 'failed\n'
        tail -n 40 "$log" >&2
        rm -f "$log"
        give_up "'$title' did not work; its last words are above."
    fi
    rm -f "$log"
    step_ms=$(($(now_ms) - started))
    printf '%6s s\n' "$(seconds_of $step_ms)"
}

choose_state() {
    local home=${XDG_STATE_HOME:-}
    if [ "${home:0:1}" != / ]; then # the specification wants another to be ignored
        if [ "$(id -u)" -eq 0 ]; then home=/var/lib; else home=$HOME/.local/state; fi
    fi
    state=$home/picket-demo
    # PostgreSQL's socket is in there, and the path of a socket has 107 characters.
    if [ ${#state} -gt 80 ]; then
        give_up "The path of the state folder is too long for a socket: $state
Set XDG_STATE_HOME to a shorter one."
    fi
    # It stands in connection strings, in settings and in the list of processes as it is.
    if [[ $state =~ [^A-Za-z0-9/._+@-] ]]; then
        give_up "The path of the state folder has signs other than letters, digits and /._+@-: $state
Set XDG_STATE_HOME to another one."
    fi
}

install_packages() {
    if [ "$install" = yes ]; then
        packages_install build web run || exit 1
        downloads_ms=$((downloads_ms + PACKAGES_DOWNLOAD_MS))
    fi
    if ! node_is_good; then
        give_up "The console needs Node 18 or newer with npm; run deploy/demo without --no-install."
    fi
}

# Debian keeps daemons in sbin, which a plain user's PATH may lack.
PATH=$PATH:/usr/sbin:/sbin

# One demo at a time for each state folder; the lock goes with the last process that holds it.
take_lock() {
    mkdir -p "$state/run"
    chmod 711 "$state"
    exec 9>"$state/lock"
    if ! flock --nonblock 9; then
        give_up "The demo is running already: $(cat "$state/url" 2>/dev/null || echo starting)
End it first with Ctrl-C where it runs."
    fi
}

reset_state() {
    rm -rf "$state"
    if [ "$(id -u)" -eq 0 ] && id picket-demo >/dev/null 2>&1; then
        userdel picket-demo
    fi
}

compile() {
    cd "$top"
    cmake -G Ninja -C tests/presets/release.cmake -S . -B build/release
    ninja -C build/release picket-agent picket-aggregator picketctl picket-demo-supervisor
}

build_programs() {
    step 'Building the programs' compile
}

# One hash over everything that the console is built from.
console_hash() {
    cd "$top/web"
    find . \( -name node_modules -o -name dist \) -prune -o -type f -print0 | sort -z |
        xargs -0 sha256sum | sha256sum
}

npm_ci() {
    cd "$top/web"
    npm ci --no-audit --no-fund
}

npm_build() {
    cd "$top/web"
    npm run build
}

build_console() {
    local stamp=$top/build/console.stamp hash
    hash=$(console_hash)
    if [ "$(cat "$stamp" 2>/dev/null)" = "$hash" ] && [ -e "$top/web/dist/index.html" ]; then
        return 0
    fi
    step "Fetching the console's tools" npm_ci
    downloads_ms=$((downloads_ms + step_ms))
    step 'Building the console' npm_build
    mkdir -p "${stamp%/*}"
    echo "$hash" >"$stamp"
}

copy_programs() {
    local target=$state/programs
    rm -rf "$target"
    mkdir -p "$target"
    cp "$top"/build/release/agent/picket-agent "$top"/build/release/aggregator/picket-aggregator \
        "$top"/build/release/aggregator/picketctl \
        "$top"/build/release/deploy/picket-demo-supervisor "$target"
    cp -r "$top/web/dist" "$target/web"
    cp -r "$top/deploy/captures" "$target/captures"
    chmod -R a+rX "$target"
}

# A clone may lie where a plain user cannot look, such as in /root: the demo runs copies.
stage_programs() {
    step 'Copying them to the state folder' copy_programs
}
