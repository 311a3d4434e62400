# SPDX-License-Identifier: MIT
# What the lints share. Each lint runs from the root of the sources, prints FILE:LINE: what is wrong,
# and fails when it printed anything.
set -u
export LC_ALL=C
cd "${top_srcdir:-$(dirname "${BASH_SOURCE[0]}")/../..}" || exit 99

FLOORS="lib chaos proxy backend lab cmd"

# Files under the folders $1 whose names match one of the patterns that follow.
files() {
    local folders=$1 pattern names=()
    shift
    for pattern in "$@"; do
        names+=(-o -name "$pattern")
    done
    # shellcheck disable=SC2086
    find $folders -name node_modules -prune -o -name __pycache__ -prune -o \
        -type f '(' "${names[@]:1}" ')' -print 2>/dev/null | sort
}

# Fails when the lint printed something: use as `... | verdict`.
verdict() {
    ! grep .
}
