#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The schemas and tailgate(5) that are shipped are what the program says of itself: `make generated`
# renews them.
. "$(dirname "$0")/common.sh"

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
TAILGATE=${TAILGATE:-build/tailgate} bash scripts/generate.sh "$fresh" || exit 1

(cd "$fresh" && find . -type f) | sort | while read -r file; do
    diff -u "$file" "$fresh/$file" || echo "$file:1: is out of date; run make generated"
done | verdict
