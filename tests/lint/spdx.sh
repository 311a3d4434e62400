#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every source says its licence in one of its first three lines.
. "$(dirname "$0")/common.sh"

{
    files "$FLOORS tests dashboards man" '*.[chS]' '*.sh' '*.py' '*.js' '*.mjs' '*.css' '*.[15]'
    ls configure.ac Makefile.am ./*.sh
} | while read -r file; do
    head -n 3 "$file" | grep -q 'SPDX-License-Identifier: MIT' ||
        echo "$file:1: the line 'SPDX-License-Identifier: MIT' is missing"
done | verdict
