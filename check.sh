#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every test on a fresh machine: installs what they need, builds under build-check/ with the
# sanitizers, and runs unit tests and lints, system tests, fuzz targets, and what has threads under
# ThreadSanitizer. The last line is `N passed, N failed`.
#     FUZZ_SECONDS=10    how long each fuzz target runs
set -uo pipefail
cd "$(dirname "$0")" || exit 3
. scripts/packages.sh

TEST_PACKAGES="libcmocka-dev python3 python3-pytest python3-pytest-xdist openssl clang clang-format
    libclang-rt-dev curl wrk nghttp2-client nginx haproxy"
# Whatever node is there will do.
command -v node >/dev/null && command -v npm >/dev/null || TEST_PACKAGES="$TEST_PACKAGES nodejs npm"
JOBS=$(nproc)
passed=0
failed=0
failures=""
launch="" # what goes before a command to make it work

# Adds to the tally: tally PASSED FAILED WHAT.
tally() {
    passed=$((passed + $1))
    failed=$((failed + $2))
    [ "$2" = 0 ] || failures="$failures"$'\n'"  $3"
    say "$3: $1 passed, $2 failed"
}

# Runs a step that is a single test, quietly: its output is shown when it fails.
single() {
    local what=$1 output
    shift
    if output=$("$@" 2>&1); then
        tally 1 0 "$what"
    else
        printf '%s\n' "$output" | tail -n 100
        tally 0 1 "$what"
    fi
}

# configure_and_build FOLDER TARGETS OPTION...: a build under build-check/, as one test.
configure_and_build() {
    local folder=build-check/$1 targets=$2
    shift 2
    mkdir -p "$folder"
    # shellcheck disable=SC2086
    (cd "$folder" && ../../configure --silent --enable-developer "$@" &&
        make --silent --no-print-directory -j "$JOBS" $targets)
}

# A number of automake's last summary: "# PASS:  12".
summary() {
    awk -v word="# $1:" 'index($0, word) == 1 { n = $3 } END { print n + 0 }' "$2"
}

# make check in a build: make_check FOLDER WHAT VARIABLE=VALUE...
make_check() {
    local folder=build-check/$1 log=build-check/$1/check.out what=$2 status good bad
    shift 2
    $launch make --no-print-directory -C "$folder" -k -j "$JOBS" check VERBOSE=1 "$@" \
        >"$log" 2>&1
    status=$?
    good=$(summary PASS "$log")
    bad=$(($(summary FAIL "$log") + $(summary ERROR "$log") + $(summary XPASS "$log")))
    [ "$status" = 0 ] || cat "$log"
    [ "$status" = 0 ] || [ "$bad" != 0 ] || bad=1
    grep -E '^SKIP: ' "$log"
    tally "$good" "$bad" "$what"
}

# The system tests with the program of a build; further arguments go to pytest.
system_tests() {
    local name=$1 log=build-check/$1/system.out status good bad
    shift
    $launch make --no-print-directory -C "build-check/$name" check-system \
        PYTESTFLAGS="-q -rs -n $JOBS $*" >"$log" 2>&1
    status=$?
    good=$(pytest_count passed "$log")
    bad=$(($(pytest_count failed "$log") + $(pytest_count 'errors?' "$log")))
    [ "$status" = 0 ] || cat "$log"
    [ "$status" = 0 ] || [ "$bad" != 0 ] || bad=1
    tally "$good" "$bad" "system tests ($name)"
}

# The number before a word in pytest's last line: "3 failed, 40 passed in 12.3s".
pytest_count() {
    tail -n 20 "$2" | grep -oE "[0-9]+ $1\b" | tail -n 1 | grep -oE '^[0-9]+' || echo 0
}

# Every fuzz target from its seed corpus, for a while.
fuzz() {
    local target name work
    for target in build-check/fuzz/tests/fuzz/*_fuzz; do
        name=$(basename "$target" _fuzz)
        work=build-check/fuzz/corpus/$name
        mkdir -p "$work"
        single "fuzz target $name" "$target" -max_total_time="${FUZZ_SECONDS:-10}" -timeout=10 \
            -rss_limit_mb=2048 -artifact_prefix="build-check/fuzz/$name-" -print_final_stats=1 \
            -dict="tests/fuzz/$name.dict" "$work" "tests/fuzz/corpus/$name"
    done
}

# The sanitizers' shadow memory has no room where a kernel scatters mappings widely: then what runs
# under ThreadSanitizer runs without address randomization. Returns 1 where neither works.
find_launch() {
    local probe=build-check/tsan/probe
    printf 'int main(void) { return 0; }\n' | ${CC:-cc} -fsanitize=thread -x c -o "$probe" - ||
        return 1
    for launch in "" "setarch -R"; do
        # shellcheck disable=SC2034
        (for try in 1 2 3 4 5 6 7 8; do $launch "$probe" || exit 1; done) 2>/dev/null && return 0
    done
    launch=
    return 1
}

# shellcheck disable=SC2086
install_missing "testing Tailgate" $BUILD_PACKAGES $TEST_PACKAGES
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:allocator_may_return_null=1

single "autoreconf" autoreconf -fi
say "building with AddressSanitizer and UndefinedBehaviorSanitizer"
single "build (asan)" configure_and_build asan all --enable-asan --enable-ubsan
make_check asan "unit tests and lints"
npm --prefix tests/system/clients ci --no-audit --no-fund --silent ||
    say "npm could not install the clients of tests/system/clients: their tests are left out"
system_tests asan

say "building, testing and installing from the tarball (make distcheck)"
single "build (plain)" configure_and_build plain all
single "tarball is complete" bash scripts/tarball.sh build-check/plain
single "make distcheck" make --no-print-directory -C build-check/plain -j "$JOBS" distcheck

say "building the fuzz targets with clang"
single "build (clang, fuzz)" configure_and_build fuzz all CC=clang --enable-fuzzing --enable-asan \
    --enable-ubsan
fuzz

say "building with ThreadSanitizer"
mkdir -p build-check/tsan
if find_launch; then
    single "build (tsan)" configure_and_build tsan all --enable-tsan
    make_check tsan "unit tests (tsan)" TESTS='$(check_PROGRAMS)'
    system_tests tsan -m threads
else
    say "ThreadSanitizer does not work on this machine: left out"
fi

[ "$failed" = 0 ] || printf 'failed:%s\n' "$failures"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
