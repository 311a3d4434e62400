#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A folder includes only itself and folders of lower floors, and every include is written from the
# root. The parts that are pure or on libc alone stay so.
. "$(dirname "$0")/common.sh"

files "$FLOORS tests" '*.[chS]' | xargs awk '
    BEGIN {
        split("lib/base 0 lib/net 1 lib/http 1 lib/conf 1 lib/record 2 lib/serve 2 chaos 3 " \
              "proxy 4 backend 4 lab 4 cmd 5 tests 6", word, " ")
        for (i = 1; i in word; i += 2)
            floor[word[i]] = word[i + 1]
        # Inside chaos/, lab/ and proxy/: what is configured, what is pure, and the rest.
        step["chaos/fault"] = 1
        step["chaos/stream"] = 2
        step["chaos/message"] = 3
        step["lab/analysis"] = 1
        step["proxy/config"] = 1
        step["proxy/rules"] = 2
        foreign["lib/base"] = "^<(event2|cjson|sqlite3|openssl|ares)"
        foreign["lib/http"] = "^<(event2|cjson|sqlite3|openssl|ares|sys/socket|netinet)"
        foreign["lib/conf"] = "^<(event2|sqlite3|openssl|ares|sys/socket|netinet)"
        foreign["proxy"] = "^<(sqlite3|openssl|ares)"
        foreign["backend"] = "^<(sqlite3|ares)"
    }
    function folder(path) {
        match(path, path ~ /^lib\// ? "^lib/[^/]*" : "^[^/]*")
        return substr(path, 1, RLENGTH)
    }
    function room(path) {
        match(path, "^[^/]*/[^/]*")
        return substr(path, 1, RLENGTH)
    }
    function step_of(path) { return room(path) in step ? step[room(path)] : 9 }
    function wrong(text) { print FILENAME ":" FNR ": " text }
    /^ *# *include *</ {
        own = folder(FILENAME)
        if (own in foreign && match($2, foreign[own]))
            wrong(own " does without " $2)
        if (room(FILENAME) in step && match($2, foreign["lib/conf"]))
            wrong(room(FILENAME) " does without " $2)
    }
    /^ *# *include *"/ {
        split($0, part, "\"")
        own = folder(FILENAME)
        to = folder(part[2])
        if (!(own in floor))
            wrong(own " is no folder of the house")
        else if (!(to in floor) || part[2] ~ /\.\./)
            wrong("\"" part[2] "\" is not written from the root")
        else if (to != own && floor[to] >= floor[own])
            wrong(own " (floor " floor[own] ") includes " part[2] " (floor " floor[to] ")")
        else if (to == own && step_of(part[2]) > step_of(FILENAME))
            wrong(room(FILENAME) " stands below " part[2])
    }' | verdict
