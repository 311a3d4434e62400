#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Files of at most 600 lines, functions of at most 80. The layout of the code makes this simple: a
# function's braces, and nothing else, stand alone in the first column.
. "$(dirname "$0")/common.sh"

files "$FLOORS tests dashboards" '*.[ch]' '*.py' '*.sh' '*.js' '*.mjs' | xargs awk '
    FNR == 1 && NR > 1 && lines > 600 { print file ":600: the file has " lines " lines" }
    { file = FILENAME; lines = FNR }
    /^[{]/ { start = FNR }
    /^[}]/ && start && FILENAME ~ /\.[ch]$/ {
        if (FNR - start + 1 > 80)
            print FILENAME ":" start ": the function has " FNR - start + 1 " lines"
        start = 0
    }
    END { if (lines > 600) print file ":600: the file has " lines " lines" }' | verdict
