/* SPDX-License-Identifier: MIT */
/* Which failures are tried again, when that is safe, and after what pause. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "proxy/rules/retry.h"

static void test_causes(void **state)
{
    static const struct {
        enum cause cause;
        unsigned on; /* the only condition that wants it; 0: none does */
    } cases[] = {
        {CAUSE_CONNECT_REFUSED, RETRY_CONNECT},
        {CAUSE_CONNECT_TIMEOUT, RETRY_CONNECT},
        {CAUSE_CONNECT_FAILED, RETRY_CONNECT},
        {CAUSE_TLS_FAILED, RETRY_CONNECT},
        {CAUSE_REUSED_CLOSED, RETRY_REUSED_CLOSED},
        {CAUSE_CLOSED_BEFORE_RESPONSE, RETRY_CLOSED},
        {CAUSE_RESET_BEFORE_RESPONSE, RETRY_RESET},
        {CAUSE_RESPONSE_TIMEOUT, RETRY_RESPONSE_TIMEOUT},
        {CAUSE_SEND_TIMEOUT, RETRY_RESPONSE_TIMEOUT},
        {CAUSE_BODY_TRUNCATED, 0},
        {CAUSE_TOTAL_TIMEOUT, 0},
        {CAUSE_CLIENT_ABORT, 0},
        {CAUSE_RESPONSE_MALFORMED, 0},
        {CAUSE_UPSTREAM_STATUS, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (unsigned on = 1; on <= RETRY_RESPONSE_TIMEOUT; on *= 2) {
            const struct retry_config config = {.on = on};
            assert_int_equal(retry_wants_cause(&config, cases[i].cause), on == cases[i].on);
        }
}

static void test_what_needs_no_budget(void **state)
{
    assert_true(retry_is_free(CAUSE_CONNECT_REFUSED));
    assert_true(retry_is_free(CAUSE_CONNECT_TIMEOUT));
    assert_true(retry_is_free(CAUSE_CONNECT_FAILED));
    assert_false(retry_is_free(CAUSE_TLS_FAILED)); /* a handshake is work */
    assert_false(retry_is_free(CAUSE_REUSED_CLOSED));
    assert_false(retry_is_free(CAUSE_RESPONSE_TIMEOUT));
    assert_false(retry_is_free(CAUSE_UPSTREAM_STATUS));
}

static bool wants(const struct retry_config *config, int status, const char *fields)
{
    struct http_head head;
    char text[128];
    int length = snprintf(text, sizeof(text), "HTTP/1.1 %d X\r\n%s\r\n", status, fields);
    assert_null(http_parse_response(&head, text, (size_t)length));
    return retry_wants_response(config, &head);
}

static void test_responses(void **state)
{
    int64_t statuses[] = {502, 503};
    const struct retry_config none = {.on = 31};
    const struct retry_config config = {.statuses = {statuses, 2}, .header = "x-retry"};
    assert_false(retry_looks_at_responses(&none));
    assert_true(retry_looks_at_responses(&config));
    assert_true(wants(&config, 503, ""));
    assert_true(wants(&config, 200, "X-Retry: 1\r\n"));
    assert_false(wants(&config, 500, ""));
    assert_false(wants(&config, 200, "X-Retry-After: 1\r\n"));
    assert_false(wants(&none, 503, "X-Retry: 1\r\n"));
}

static void test_what_is_safe(void **state)
{
    const struct retry_config careful = {.attempts = 2}, bold = {.non_idempotent = true};
    assert_true(retry_is_safe(&careful, true, true));
    assert_true(retry_is_safe(&careful, false, false)); /* nothing of it was sent */
    assert_false(retry_is_safe(&careful, false, true));
    assert_true(retry_is_safe(&bold, false, true));
}

/* The longest of many pauses. */
static int64_t longest_ms(const struct retry_config *config, enum cause cause, int tries)
{
    struct rng rng;
    int64_t longest = 0;
    rng_init(&rng, 5);
    for (int i = 0; i < 2000; i++) {
        int64_t ns = retry_pause(config, cause, tries, &rng).ns;
        assert_true(ns >= 0);
        longest = ns > longest ? ns : longest;
    }
    return longest / NS_PER_MS;
}

static void test_pauses(void **state)
{
    const struct retry_config config = {.backoff = duration_ms(100),
                                        .backoff_longest = duration_ms(350)};
    const struct retry_config none = {.backoff_longest = duration_ms(350)};
    assert_in_range(longest_ms(&config, CAUSE_CONNECT_REFUSED, 1), 95, 100);
    assert_in_range(longest_ms(&config, CAUSE_CONNECT_REFUSED, 2), 190, 200);
    assert_in_range(longest_ms(&config, CAUSE_CONNECT_REFUSED, 3), 330, 350);
    assert_in_range(longest_ms(&config, CAUSE_CONNECT_REFUSED, 16), 330, 350);
    assert_int_equal(longest_ms(&config, CAUSE_REUSED_CLOSED, 1), 0);
    assert_int_equal(longest_ms(&none, CAUSE_CONNECT_REFUSED, 3), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_causes),    cmocka_unit_test(test_what_needs_no_budget),
        cmocka_unit_test(test_responses), cmocka_unit_test(test_what_is_safe),
        cmocka_unit_test(test_pauses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
