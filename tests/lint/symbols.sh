#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# No name is defined in two libraries (the linker would silently take one of them), and no library has
# a variable that can change: whoever needs state owns it.
. "$(dirname "$0")/common.sh"

build=$(dirname "${TAILGATE:-build/tailgate}")

# Every defined symbol as "lib/base/buf.o: global? section name".
symbols() {
    objdump -t "$build"/lib*.a | awk '
        /file format/ { sub(/:.*/, ""); file = $1 }
        match($0, / (\.[a-z._A-Z0-9]+)\t/) {
            split(substr($0, RSTART + 1), part, /[\t ]+/)
            print file, substr($0, 18, 1), part[1], part[3]
        }'
}

{
    symbols | awk '$2 == "g" && $4 in file { print $1 ":1: " $4 " is also defined in " file[$4] }
                   $2 == "g" { file[$4] = $1 }'
    symbols | awk '$4 != $3 && $4 !~ /asan|ubsan|tsan|sancov|^[.]|^__/ && $3 ~ /^[.](data|bss|tdata|tbss)/ &&
                   $3 !~ /[.]rel[.]ro/ { print $1 ":1: " $4 " is a variable that can change" }'
} | verdict
