#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every example under configs/ is valid.
. "$(dirname "$0")/common.sh"

"${TAILGATE:-build/tailgate}" check $(files configs '*.json')
