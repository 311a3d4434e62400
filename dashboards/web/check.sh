#!/bin/sh
# SPDX-License-Identifier: MIT
# Tests the page's sources, in a browser too where there is one, and fails when dist/report.html is not
# what they make. Works on a copy, so that the sources may be read-only. Exits with 77 (skipped) where there is no npm.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
command -v npm >/dev/null 2>&1 || { echo "check.sh: npm is not installed; skipped"; exit 77; }

work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
for part in .npmrc package.json package-lock.json build.mjs sample.mjs src test; do
    cp -R "$here/$part" "$work/"
done
chmod -R u+w "$work"
cd "$work"

if ! npm ci --ignore-scripts --no-audit --no-fund --prefer-offline --loglevel=error; then
    npm ping >/dev/null 2>&1 && exit 1
    echo "check.sh: npm cannot reach its registry; skipped"
    exit 77
fi
node --test --test-reporter=spec test/*.test.mjs
node build.mjs "$work/dist"
if ! cmp -s "$work/dist/report.html" "$here/dist/report.html"; then
    echo "check.sh: dist/report.html is not what the sources make; run: npm ci && node build.mjs" >&2
    exit 1
fi
CHROMIUM=$(command -v "${CHROMIUM:-chromium}" || command -v chromium-browser || :)
if [ -n "$CHROMIUM" ]; then
    CHROMIUM=$CHROMIUM node --test --test-reporter=spec test/browser.mjs
else
    echo "check.sh: there is no chromium; the page was not opened"
fi
if grep -n '"resolved"' package-lock.json; then
    echo "check.sh: package-lock.json names where packages came from; npm must leave that out" >&2
    exit 1
fi
echo "check.sh: the page is what its sources make"
