#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# From a fresh clone to a verdict: installs what the build needs, builds into build/ and runs
# configs/quickstart.json. A second run goes straight to the experiment. Arguments are handed on to
# `tailgate run`.
set -euo pipefail
cd "$(dirname "$0")"
. scripts/packages.sh

# Runs a noisy step quietly: its output is shown only when it fails.
step() {
    local what=$1 output
    shift
    say "$what"
    if ! output=$("$@" 2>&1); then
        printf '%s\n' "$output" | tail -n 40 >&2
        give_up "failed: $*"
    fi
}

prepare() {
    # shellcheck disable=SC2086
    build_ready || install_missing "building Tailgate" $BUILD_PACKAGES
    [ -x configure ] || step "preparing configure" autoreconf -fi
    mkdir -p build
    step "configuring in build/" env -C build ../configure --silent
}

[ -f build/Makefile ] || prepare
[ -x build/tailgate ] || say "building build/tailgate"
make --silent --no-print-directory -C build -j "$(nproc)" tailgate >&2 ||
    give_up "the build failed; its messages are above (rm -r build starts anew)"
exec build/tailgate run configs/quickstart.json "$@"
