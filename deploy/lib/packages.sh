# Installs the Debian packages of deploy/packages. Sourced by deploy/demo and tests/run.
#
#   packages_install SECTION...   installs what is missing, silent when nothing is
#
# Afterwards PACKAGES_DOWNLOAD_MS holds the time that went into fetching (not our doing, so it is
# counted apart) and PACKAGES_INSTALL_MS the time that went into unpacking.

PACKAGES_FILE=${PACKAGES_FILE:-$(dirname "${BASH_SOURCE[0]}")/../packages}
PACKAGES_DOWNLOAD_MS=0
PACKAGES_INSTALL_MS=0

# Milliseconds since the epoch.
now_ms() {
    local now=$EPOCHREALTIME
    now=${now/[.,]/}
    echo $((now / 1000))
}

# 1234 -> 1.2
seconds_of() {
    printf '%d.%d' $(($1 / 1000)) $(($1 % 1000 / 100))
}

node_is_good() {
    local version
    command -v npm >/dev/null && version=$(node --version 2>/dev/null) || return 1
    version=${version#v}
    [ "${version%%.*}" -ge 18 ]
}

# Names of the given sections.
packages_of() {
    local wanted=" $* " section='' name rest
    while read -r name rest; do
        case $name in
        '' | '#'*) ;;
        '['*']') section=${name//[\[\]]/} ;;
        *)
            if [[ $wanted == *" $section "* ]]; then
                echo "$name"
            fi
            ;;
        esac
    done <"$PACKAGES_FILE"
}

# Names of the given sections that are not installed.
packages_missing() {
    local sections=() section
    for section in "$@"; do
        if [ "$section" != web ] || ! node_is_good; then
            sections+=("$section")
        fi
    done
    local installed
    # dpkg-query fails when it knows no package of some name: that is what we want to learn.
    installed=$(packages_of "${sections[@]}" | xargs -r dpkg-query -W \
        -f '${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p' || true)
    packages_of "${sections[@]}" | grep -vxF "${installed:-none}" || true
}

# Runs a command as root.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# nats-server and PostgreSQL bring system services. Picket starts its own private ones, so ours
# to install must not mean theirs to run: neither now nor at the next boot.
packages_hold_services() {
    PACKAGES_HELD=()
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee /usr/sbin/policy-rc.d >/dev/null
        as_root chmod 755 /usr/sbin/policy-rc.d
        PACKAGES_HELD+=(/usr/sbin/policy-rc.d)
    fi
    local no_cluster=/etc/postgresql-common/createcluster.d/picket-no-main.conf
    if [ ! -d /usr/share/postgresql-common ]; then
        as_root mkdir -p "${no_cluster%/*}"
        echo 'create_main_cluster = false' | as_root tee "$no_cluster" >/dev/null
        PACKAGES_HELD+=("$no_cluster")
    fi
}

packages_release_services() {
    local name
    if [ "${#PACKAGES_HELD[@]}" -gt 0 ]; then
        as_root rm -f "${PACKAGES_HELD[@]}"
    fi
    if [ -d /run/systemd/system ]; then
        for name in nats-server postgresql; do
            if [[ " $* " == *" $name"* ]]; then
                as_root systemctl --quiet disable "$name.service" || true
            fi
        done
    fi
}

# Fetches, then installs; the log of apt is shown only when it fails.
packages_run_apt() {
    local log started fetched status=0
    log=$(mktemp)
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0)
    started=$(now_ms)
    {
        as_root "${apt[@]}" update &&
            as_root "${apt[@]}" install --no-install-recommends --download-only "$@"
    } </dev/null >"$log" 2>&1 || status=$?
    fetched=$(now_ms)
    if [ $status -eq 0 ]; then
        packages_hold_services
        as_root "${apt[@]}" install --no-install-recommends "$@" </dev/null >>"$log" 2>&1 ||
            status=$?
        packages_release_services "$@"
    fi
    PACKAGES_DOWNLOAD_MS=$((fetched - started))
    PACKAGES_INSTALL_MS=$(($(now_ms) - fetched))
    if [ $status -ne 0 ]; then
        tail -n 30 "$log" >&2
    fi
    rm -f "$log"
    return $status
}

packages_install() {
    local missing
    mapfile -t missing < <(packages_missing "$@")
    if [ "${#missing[@]}" -eq 0 ]; then
        return 0
    fi
    if ! command -v apt-get >/dev/null; then
        echo "Picket builds on Debian 12; missing here: ${missing[*]}" >&2
        return 1
    fi
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        echo "These packages are missing, and neither are you root nor is sudo here:" >&2
        echo "    apt-get install --no-install-recommends ${missing[*]}" >&2
        echo "Install them as root, then start this again." >&2
        return 1
    fi
    echo "Installing ${#missing[@]} Debian packages, which takes minutes: ${missing[*]}"
    if ! packages_run_apt "${missing[@]}"; then
        echo "apt-get could not install them; its last words are above." >&2
        return 1
    fi
    printf 'Installed: %s s of downloads, %s s of unpacking\n' \
        "$(seconds_of $PACKAGES_DOWNLOAD_MS)" "$(seconds_of $PACKAGES_INSTALL_MS)"
}
