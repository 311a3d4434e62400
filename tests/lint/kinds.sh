#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The report page has words for whatever can stand in the records it draws: states, pauses, and what
# is done to processes.
. "$(dirname "$0")/common.sh"

words=dashboards/web/src/words.js

# The names in a table of $1, from "#define $2(X)" to the end of its lines.
names() {
    sed -n "/^#define $2(X)/,/[^\\]\$/p" "$1" | grep -o '"[a-z_]*"' | tr -d '"'
}

{
    names lib/record/tables.h STATE_KINDS
    names lib/record/tables.h PAUSE_KINDS
    grep -oE '"[a-z_]+", NULL, PROCESSES' chaos/fault/fault.h | cut -d'"' -f2
} | while read -r name; do
    grep -q "^  $name: { text: " "$words" || echo "$words:1: no words for \"$name\""
done | verdict
