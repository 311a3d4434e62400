#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every example under configs/ is valid. The certificates they name are not there, and libgc need not
# be.
. "$(dirname "$0")/common.sh"

"${TAILGATE:-build/tailgate}" check --no-files $(files configs '*.json') 2>&1 |
    grep -v -e ': valid (' -e 'this tailgate was built without libgc' | verdict
