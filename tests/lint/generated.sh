#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The schemas and the manual's list of keys that are shipped are those the program prints: renew them
# with `make generated`.
. "$(dirname "$0")/common.sh"

for kind in proxy backend experiment; do
    diff -u "schemas/$kind.schema.json" <("${TAILGATE:-build/tailgate}" check --schema "$kind") ||
        echo "schemas/$kind.schema.json:1: is not what 'tailgate check --schema $kind' prints"
done | verdict
