#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every example under configs/ is valid. The certificates they name are not there.
. "$(dirname "$0")/common.sh"

"${TAILGATE:-build/tailgate}" check --no-files $(files configs '*.json')
