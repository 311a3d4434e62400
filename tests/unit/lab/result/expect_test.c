/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "lab/result/expect.h"
#include "lab/result/summary.h"

static const char *const labels[] = {"deferred", "inline, 250ms", "a: b"};

static struct expectation parsed(const char *text)
{
    struct expectation expectation;
    struct error error;
    if (expect_parse(&expectation, text, labels, ARRAY_LEN(labels), &error) != OK)
        fail_msg("%s: %s", text, error.text);
    return expectation;
}

static void assert_refused(const char *text, const char *part)
{
    struct expectation expectation;
    struct error error;
    assert_int_equal(expect_parse(&expectation, text, labels, ARRAY_LEN(labels), &error),
                     FAILED_INPUT);
    if (!strstr(error.text, part))
        fail_msg("\"%s\" does not say \"%s\"", error.text, part);
}

static struct variant_summary sample(void)
{
    struct variant_summary summary = {
        .requests = 1000,
        .p50_ms = 1.5,
        .p99_ms = 250,
        .p999_ms = 300,
        .throughput_rps = 480,
        .gateway_failures = 20,
        .failure_rate = 0.02,
        .client_failures = 3,
    };
    summary.statuses[504] = 15;
    summary.causes[CAUSE_RESPONSE_TIMEOUT] = 15;
    summary.causes[CAUSE_CONNECT_REFUSED] = 5;
    return summary;
}

static void assert_verdict(const char *text, double value, bool holds)
{
    struct variant_summary summary = sample();
    struct expectation expectation = parsed(text);
    double found = expect_figure(&expectation, &summary);
    if (found != value)
        fail_msg("%s: %g", text, found);
    assert_int_equal(expect_holds(&expectation, found, expect_limit(&expectation, &summary)),
                     holds);
}

static void metrics_are_looked_up(void **state)
{
    assert_verdict("p50 < 2ms", 1.5, true);
    assert_verdict("p99 < 250ms", 250, false);
    assert_verdict("p99 <= 250ms", 250, true);
    assert_verdict("p99.9 == 0.3s", 300, true);
    assert_verdict("failure_rate >= 2%", 0.02, true);
    assert_verdict("throughput > 480/s", 480, false);
    assert_verdict("throughput > 479.5", 480, true);
    assert_verdict("requests == 1000", 1000, true);
}

/* A bare number compares the count, a percentage the share of the measured requests. */
static void counts_are_numbers_or_shares(void **state)
{
    assert_verdict("gateway_failures < 21", 20, true);
    assert_verdict("gateway_failures < 2%", 0.02, false);
    assert_verdict("504 == 15", 15, true);
    assert_verdict("504 > 1%", 0.015, true);
    assert_verdict("502 == 0", 0, true);
    assert_verdict("response_timeout == 15", 15, true);
    assert_verdict("queue_full == 0", 0, true);
    assert_verdict("client_errors <= 0.3%", 0.003, true);
    assert_verdict("client_failures <= 0.3%", 0.003, true);
    assert_verdict("client_failures < 3", 3, false);
}

static void a_cause_has_a_share_of_all_failures(void **state)
{
    assert_verdict("share(response_timeout) > 50%", 0.75, true);
    assert_verdict("share(connect_refused) > 25%", 0.25, false);
    assert_verdict("share(queue_full) < 1%", 0, true);
    assert_refused("share(p99) > 1%", "no cause \"p99\"");
    assert_refused("share(none) > 1%", "no cause \"none\"");
    assert_refused("share(conect_refused) > 1%", "connect_refused");
    assert_refused("share(queue_full > 1%", "share(queue_full");
    assert_refused("share(queue_full) > 1", "share");
    assert_refused("share() > 1%", "no cause");
}

static void assert_lacks(const char *text, const struct variant_summary *summary, const char *why)
{
    struct expectation expectation = parsed(text);
    char lacks[160];
    assert_string_equal(expect_lacks(&expectation, summary, lacks, sizeof(lacks)), why);
}

static void figures_of_nothing_are_none(void **state)
{
    struct variant_summary some = sample(), none = {.requests = 0}, well = {.requests = 10};
    assert_lacks("p50 < 1ms", &some, "");
    assert_lacks("p50 < 1ms", &none, "no request was measured");
    assert_lacks("failure_rate < 1%", &none, "no request was measured");
    assert_lacks("response_timeout == 0", &well, "");
    assert_lacks("share(response_timeout) < 1%", &some, "");
    assert_lacks("share(response_timeout) < 1%", &well, "no request failed");
    well.inside.gateway_cpu_ms = NAN;
    assert_lacks("gateway_cpu < 1ms", &well, "no process has said it");
}

static void percentiles_take_requests_beyond_them(void **state)
{
    struct variant_summary few = {.requests = 122}, enough = {.requests = 1000};
    assert_lacks("p99 < 1s", &few, "");
    assert_lacks("max < 1s", &few, "");
    assert_lacks("p99.9 < 1s", &enough, "");
    assert_lacks("p99.9 < 1s", &few,
                 "122 requests are too few for p99.9: it takes 1000 (measure longer)");
    few.requests = 19;
    assert_lacks("p95 < 1s", &few, "19 requests are too few for p95: it takes 20 (measure longer)");
    few.requests = 20;
    assert_lacks("p95 < 1s", &few, "");
}

static void percentiles_among_unanswered_requests_are_bounds(void **state)
{
    struct variant_summary summary = {.requests = 1000, .p99_ms = 400, .client_failures = 94};
    struct expectation p90 = parsed("p90 < 1s"), p99 = parsed("p99 < 1s"), max = parsed("max < 1s");
    char why[200];
    assert_false(expect_is_bound(&p90, &summary));
    assert_false(expect_is_bound(&max, &summary));
    assert_true(expect_is_bound(&p99, &summary));
    assert_string_equal(expect_explain_bound(&p99, &summary, why, sizeof(why)),
                        "94 of 1000 requests got no whole answer, so that it is 400ms at least and "
                        "no more is known");
    summary.client_failures = 0;
    assert_false(expect_is_bound(&p99, &summary));
}

static void blanks_do_not_matter(void **state)
{
    assert_verdict("  p50<2ms  ", 1.5, true);
    assert_verdict("p50\t>=\t1.5ms", 1.5, true);
}

static void labels_may_hold_anything(void **state)
{
    assert_int_equal(parsed("p99 < 1s").variant, -1);
    assert_int_equal(parsed("deferred: p99 < 1s").variant, 0);
    assert_int_equal(parsed("inline, 250ms: p99 < 1s").variant, 1);
    assert_int_equal(parsed("a: b: p99 < 1s").variant, 2);
}

static void mistakes_are_named(void **state)
{
    assert_refused("p98 < 1ms", "\"p98\"");
    assert_refused("gateway_failure < 1", "gateway_failures");
    assert_refused("reponse_timeout < 1", "response_timeout");
    assert_refused("none < 1", "\"none\"");
    assert_refused("600 < 1", "\"600\"");
    assert_refused("p99 250ms", "comparison");
    assert_refused("p99 = 250ms", "comparison");
    assert_refused("p99 <", "duration");
    assert_refused("p99 < 5%", "duration");
    assert_refused("failure_rate < 5", "share");
    assert_refused("throughput < 5ms", "rate");
    assert_refused("504 < 5ms", "number");
    assert_refused("defered: p99 < 1s", "\"deferred\"");
    assert_refused("", "metric");
}

static void values_are_shown_in_their_unit(void **state)
{
    char text[32];
    struct expectation time = parsed("p99 < 1s"), share = parsed("504 < 1%"),
                       count = parsed("504 < 1"), rate = parsed("throughput > 1/s");
    assert_string_equal(expect_format(&time, 12.5, text, sizeof(text)), "12.5ms");
    assert_string_equal(expect_format(&share, 0.025, text, sizeof(text)), "2.5%");
    assert_string_equal(expect_format(&count, 17, text, sizeof(text)), "17");
    assert_string_equal(expect_format(&rate, 99.5, text, sizeof(text)), "99.5/s");
}

static void a_route_stands_behind_the_metric(void **state)
{
    struct expectation expectation = parsed("deferred: share(response_timeout) on /orders < 5%");
    assert_string_equal(expectation.route, "/orders");
    assert_string_equal(parsed("p99 on /a<10ms").route, "/a");
    assert_string_equal(parsed("p99 < 10ms").route, "");
    assert_int_equal(parsed("p99 on /a < deferred").against, 0);
    assert_refused("throughput on /orders > 5/s", "not counted by route");
    assert_refused("p99 on < 5ms", "does not name a route");
    assert_refused("p99 on /orders", "does not begin with a comparison");
}

static void other_variants_are_values(void **state)
{
    struct variant_summary variants[3] = {sample(), sample(), sample()};
    variants[0].p99_ms = 500;
    variants[2].gateway_failures = 100;
    const struct {
        const char *text;
        double limit;
        bool holds;
    } cases[] = {
        {"inline, 250ms: p99 < deferred", 500, true},
        {"inline, 250ms: p99 < 0.4 * deferred", 200, false},
        {"p99 < 0.6*deferred", 300, true},
        {"gateway_failures < 0.5 * a: b", 50, true},
        {"a: b: failure_rate <= inline, 250ms", 0.02, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct expectation expectation = parsed(cases[i].text);
        double limit = expect_limit(&expectation, &variants[expectation.against]);
        assert_true(limit > cases[i].limit - 1e-9 && limit < cases[i].limit + 1e-9);
        double figure = expect_figure(&expectation, &variants[1]);
        assert_int_equal(expect_holds(&expectation, figure, limit), cases[i].holds);
    }
    assert_int_equal(parsed("p99 < 1s").against, -1);
    assert_int_equal(parsed("p99 < 0.6*deferred").against, 0);
    assert_refused("p99 < 0.5 deferred", "or a variant's label");
    assert_refused("p99 < x * deferred", "or a variant's label");
    assert_refused("p99 < inlin", "or a variant's label");
}

static void values_win_over_labels_that_look_like_them(void **state)
{
    static const char *const values[] = {"100ms", "300ms", "5%", "12"};
    static const struct {
        const char *text;
        int against;
        double value;
    } cases[] = {
        {"p99 < 100ms", -1, 100},       {"300ms: p99 < 100ms", -1, 100}, {"p99 < 1 * 100ms", 0, 1},
        {"p99 < 2 * 300ms", 1, 2},      {"failure_rate < 5%", -1, 0.05}, {"502 < 12", -1, 12},
        {"failure_rate < 100ms", 0, 1}, /* no share: it can be the variant alone */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct expectation expectation;
        struct error error;
        assert_int_equal(
            expect_parse(&expectation, cases[i].text, values, ARRAY_LEN(values), &error), OK);
        assert_int_equal(expectation.against, cases[i].against);
        assert_true(fabs(expectation.value - cases[i].value) < 1e-9);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_win_over_labels_that_look_like_them),
        cmocka_unit_test(percentiles_take_requests_beyond_them),
        cmocka_unit_test(percentiles_among_unanswered_requests_are_bounds),
        cmocka_unit_test(a_route_stands_behind_the_metric),
        cmocka_unit_test(other_variants_are_values),
        cmocka_unit_test(metrics_are_looked_up),
        cmocka_unit_test(counts_are_numbers_or_shares),
        cmocka_unit_test(a_cause_has_a_share_of_all_failures),
        cmocka_unit_test(figures_of_nothing_are_none),
        cmocka_unit_test(blanks_do_not_matter),
        cmocka_unit_test(labels_may_hold_anything),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(values_are_shown_in_their_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
