# SPDX-License-Identifier: MIT
# Installing what is missing, for quickstart.sh and check.sh. Sourced from the root of the sources.

# What building Tailgate takes: Debian's names, and what they are elsewhere.
BUILD_PACKAGES="gcc libc6-dev make autoconf automake pkg-config libevent-dev libcjson-dev
    libsqlite3-dev libssl-dev libc-ares-dev libgc-dev"

say() {
    printf '%s: %s\n' "${0##*/}" "$*"
}

give_up() {
    say "$@" >&2
    exit 3
}

# Whether a build can begin, wherever its parts came from.
build_ready() {
    type cc make autoreconf aclocal pkg-config >/dev/null 2>&1 &&
        pkg-config --exists libevent_core libcjson sqlite3 libssl libcrypto libcares
}

# The packages among those named that are not installed.
missing_packages() {
    local package
    for package in "$@"; do
        dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q 'ok installed' ||
            printf '%s ' "$package"
    done
}

# What to do on a system that is neither Debian nor Ubuntu.
explain_packages() {
    cat >&2 <<END
${0##*/}: this system has no apt-get, so please install by its own means:
  a C17 compiler (gcc 8 or clang 7, or newer), make, autoconf 2.69, automake 1.16, pkg-config
  libevent 2.1, cJSON 1.7.10, SQLite 3.31, OpenSSL 3.0, c-ares 1.15, each with its headers
  libgc 8.2 with its headers, unless backends can do without its collector
and, for the tests: cmocka 1.1.5, python3 with pytest, clang with its sanitizer runtime, clang-format 14
Then start this script again.
END
    exit 3
}

# Runs a command as root: directly, or by sudo.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# A package with a service must not start it: the tests start what they need on ports of their own.
forbid_services() {
    [ -e /usr/sbin/policy-rc.d ] && return
    printf '#!/bin/sh\nexit 101\n' | as_root tee /usr/sbin/policy-rc.d >/dev/null
    as_root chmod 755 /usr/sbin/policy-rc.d
    trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
}

allow_services() {
    [ -n "$(trap -p EXIT)" ] || return 0
    trap - EXIT
    as_root rm -f /usr/sbin/policy-rc.d
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -o Dpkg::Use-Pty=0 "$@" \
        >>"$apt_log" 2>&1 && return
    tail -n 20 "$apt_log" >&2
    return 1
}

# install_missing WHY PACKAGE...: installs what is missing, or ends the script with status 3.
install_missing() {
    local why=$1 missing apt_log
    shift
    command -v apt-get >/dev/null && command -v dpkg-query >/dev/null || explain_packages
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0

    if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
        give_up "$why needs packages that only root can install: apt-get install $missing"
    fi
    say "$why needs ${missing}- installing with apt-get$([ "$(id -u)" = 0 ] || echo ' (by sudo)')"
    apt_log=$(mktemp)
    forbid_services
    apt update || give_up "apt-get update failed; the end of its output is above"
    # shellcheck disable=SC2086
    apt install -y -q --no-install-recommends $missing ||
        give_up "apt-get could not install $missing(on Ubuntu some are in 'universe':" \
            "add-apt-repository universe)"
    allow_services
    rm -f "$apt_log"
}
