#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Makes the tarball in a build folder and fails when a file of the repository is not in it:
#     scripts/tarball.sh build
set -euo pipefail
build=$1
left_out='^(\.ci/|\.gitignore$)'

make --silent --no-print-directory -C "$build" dist
git rev-parse --git-dir >/dev/null 2>&1 || {
    echo "git does not say what the repository holds: not compared"
    exit 0
}
shipped=$(tar tf "$build"/tailgate-*.tar.gz | sed 's,^[^/]*/,,' | sort)
missing=$(git ls-files | grep -vE "$left_out" | sort | comm -23 - <(printf '%s\n' "$shipped"))
[ -z "$missing" ] || {
    printf '%s:1: is not in the tarball: see EXTRA_DIST in Makefile.am\n' $missing
    exit 1
}
