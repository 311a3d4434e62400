#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Writes what the program says of its own configuration, the schemas and tailgate(5), under a folder:
#     TAILGATE=build/tailgate scripts/generate.sh .
# Run from the root of the sources. `make generated` does it; a lint compares.
set -euo pipefail
out=$1
kinds="backend chaos experiment proxy"

mkdir -p "$out/schemas" "$out/man"
for kind in $kinds; do
    "$TAILGATE" check --schema "$kind" >"$out/schemas/$kind.schema.json"
done

# The page is written by hand in tailgate.5.in; a line "@keys KIND@" stands for the keys of a kind.
while IFS= read -r line; do
    case $line in
    "@keys "*"@")
        kind=${line#@keys }
        "$TAILGATE" check --manual "${kind%@}"
        ;;
    *) printf '%s\n' "$line" ;;
    esac
done <man/tailgate.5.in >"$out/man/tailgate.5.new"
mv "$out/man/tailgate.5.new" "$out/man/tailgate.5"
