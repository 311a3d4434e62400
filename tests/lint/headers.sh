#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every header compiles alone, and its guard is named after its path.
. "$(dirname "$0")/common.sh"

: "${CC:=cc -std=gnu17}"
: "${CPPFLAGS:=$(pkg-config --cflags libevent_core libcjson sqlite3 libssl cmocka)}"

files "$FLOORS tests" '*.h' | while read -r header; do
    guard=TAILGATE_$(tr a-z/.- A-Z___ <<<"$header")
    grep -q "^#ifndef $guard\$" "$header" || echo "$header:1: the include guard should be $guard"
    # shellcheck disable=SC2086
    $CC $CPPFLAGS -I. -D_GNU_SOURCE -Wall -Wextra -Wno-unused-parameter -Werror -fsyntax-only \
        -x c -include "$header" /dev/null 2>&1
done | verdict
