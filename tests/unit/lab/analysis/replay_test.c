/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lab/analysis/prediction.h"
#include "lib/base/clock.h"
#include "lib/base/memory.h"

#define MS NS_PER_MS

enum { REQUESTS = 1000, ENDPOINTS = 2 };

static const struct replay_world world = {.clients = 1000, .client_timeout = 8 * NS_PER_S};
static const struct replay_setting as_it_is = {.response = 100 * MS,
                                               .queue_wait = NS_PER_S,
                                               .attempts = 1,
                                               .queue = 1000,
                                               .retry_budget = 1,
                                               .idle_timeout = 4 * NS_PER_S};

/* A request every 10 ms, in turns to two endpoints; an answer takes 5 ms, and the first endpoint
 * stands still from 2 s to 2.5 s. `listened` says how long late answers were waited for. */
static struct trace sample(int64_t listened)
{
    struct trace trace = {.request_count = REQUESTS,
                          .try_count = REQUESTS,
                          .round_count = 1,
                          .endpoint_count = ENDPOINTS,
                          .listened = listened > 0};
    trace.requests = mem_alloc(REQUESTS, sizeof(*trace.requests));
    trace.tries = mem_alloc(REQUESTS, sizeof(*trace.tries));
    trace.rounds = mem_alloc(1, sizeof(*trace.rounds));
    trace.rounds[0] = (struct trace_round){.duration = REQUESTS * 10 * MS, .count = REQUESTS};
    for (uint32_t i = 0; i < REQUESTS; i++) {
        int64_t at = i * 10 * MS, ended = 5 * MS;
        bool stalled = i % ENDPOINTS == 0 && at >= 2000 * MS && at < 2500 * MS;
        if (stalled)
            ended = 2505 * MS - at;
        bool failed = ended > 100 * MS, censored = ended > 100 * MS + listened;
        trace.requests[i] = (struct trace_request){.intended = at,
                                                   .ordinal = i,
                                                   .fixed = -1,
                                                   .latency = failed ? 100 * MS : ended,
                                                   .tries = 1,
                                                   .failed = failed,
                                                   .measured = true,
                                                   .repeatable = true};
        trace.tries[i] = (struct trace_try){.at = at,
                                            .ended = censored ? 100 * MS + listened : ended,
                                            .idle = -1,
                                            .request = i,
                                            .number = 1,
                                            .endpoint = (uint16_t)(i % ENDPOINTS),
                                            .status = 200,
                                            .censored = censored};
    }
    trace_prepare(&trace);
    return trace;
}

static size_t failures_at(const struct trace *trace, const struct replay_setting *setting,
                          size_t *unresolved)
{
    struct replay_outcome *outcomes = mem_alloc(trace->request_count, sizeof(*outcomes));
    replay_run(trace, &world, setting, outcomes);
    size_t failures = 0, doubtful = 0;
    for (size_t i = 0; i < trace->request_count; i++) {
        failures += outcomes[i].failed;
        doubtful += outcomes[i].failed && outcomes[i].unresolved;
    }
    free(outcomes);
    if (unresolved)
        *unresolved = doubtful;
    return failures;
}

/* Those that were sent more than the timeout before the end of the stall. */
static void test_timeouts(void **state)
{
    (void)state;
    struct trace trace = sample(NS_PER_S);
    struct replay_setting setting = as_it_is;
    assert_int_equal(failures_at(&trace, &setting, NULL), 21);
    setting.response = 300 * MS;
    assert_int_equal(failures_at(&trace, &setting, NULL), 11);
    setting.response = 600 * MS;
    assert_int_equal(failures_at(&trace, &setting, NULL), 0);
    setting.response = 50 * MS;
    assert_int_equal(failures_at(&trace, &setting, NULL), 23);
    trace_free(&trace);
}

static void test_retries_escape(void **state)
{
    (void)state;
    struct trace trace = sample(NS_PER_S);
    struct replay_setting setting = as_it_is;
    setting.attempts = 2;
    setting.causes = UINT64_C(1) << CAUSE_RESPONSE_TIMEOUT;
    assert_int_equal(failures_at(&trace, &setting, NULL), 0);
    setting.retry_budget = 0;
    assert_int_equal(failures_at(&trace, &setting, NULL), 21);
    setting.retry_budget = 1;
    for (size_t i = 0; i < trace.request_count; i++)
        trace.requests[i].repeatable = false;
    assert_int_equal(failures_at(&trace, &setting, NULL), 21);
    trace_free(&trace);
}

/* One endpoint: what is tried again meets the same stall. */
static void test_retries_are_caught(void **state)
{
    (void)state;
    struct trace trace = sample(NS_PER_S);
    for (size_t i = 0; i < trace.try_count; i++) {
        int64_t at = trace.tries[i].at;
        trace.tries[i].endpoint = 0;
        trace.tries[i].ended = at >= 2000 * MS && at < 2500 * MS ? 2505 * MS - at : 5 * MS;
    }
    free(trace.lanes);
    survival_free(&trace.ends);
    trace.endpoint_count = 1;
    trace_prepare(&trace);
    struct replay_setting setting = as_it_is;
    assert_int_equal(failures_at(&trace, &setting, NULL), 41);
    setting.attempts = 2;
    setting.causes = UINT64_C(1) << CAUSE_RESPONSE_TIMEOUT;
    assert_int_equal(failures_at(&trace, &setting, NULL), 31);
    trace_free(&trace);
}

static void test_hedges(void **state)
{
    (void)state;
    struct trace trace = sample(NS_PER_S);
    struct replay_setting setting = as_it_is;
    setting.hedge_delay = 20 * MS;
    setting.hedge_max = 1;
    setting.hedge_budget = 0.2;
    assert_int_equal(failures_at(&trace, &setting, NULL), 0);
    setting.hedge_budget = 0;
    assert_int_equal(failures_at(&trace, &setting, NULL), 21);
    trace_free(&trace);
}

/* Those that hold the connections of the endpoint that stands still leave it alone for a while. */
static void test_connection_limit(void **state)
{
    (void)state;
    struct trace trace = sample(NS_PER_S);
    struct replay_setting setting = as_it_is;
    setting.max_connections = 2;
    size_t failures = failures_at(&trace, &setting, NULL);
    assert_true(failures >= 6 && failures <= 10);
    trace_free(&trace);
}

static void test_what_nobody_listened_for(void **state)
{
    (void)state;
    struct trace trace = sample(0);
    /* The last to be answered in time, and a little later by the clock: no sign of how long others
     * were. */
    for (size_t i = 0; i < 3; i++)
        trace.tries[500 + i].ended = 101 * MS;
    free(trace.lanes);
    survival_free(&trace.ends);
    trace_prepare(&trace);
    struct replay_setting setting = as_it_is;
    size_t unresolved;
    assert_int_equal(failures_at(&trace, &setting, &unresolved), 24);
    assert_int_equal(unresolved, 0);
    setting.response = 600 * MS;
    size_t failures = failures_at(&trace, &setting, &unresolved);
    assert_true(failures > 10);
    assert_int_equal(unresolved, failures);
    trace_free(&trace);
}

/* Without a response timeout in time it is the client that ends the wait: that is no success, and
 * whether it would have been answered nobody knows. */
static void test_clients_give_up(void **state)
{
    (void)state;
    struct trace trace = sample(0);
    struct replay_outcome *outcomes = mem_alloc(trace.request_count, sizeof(*outcomes));
    struct replay_setting setting = as_it_is;
    struct replay_world impatient = world;
    impatient.client_timeout = 400 * MS;
    setting.response = NS_PER_S;
    replay_run(&trace, &impatient, &setting, outcomes);
    struct prediction prediction;
    prediction_take(&prediction, &trace, outcomes, 0, 1);
    assert_int_equal(prediction.failures, 0);
    assert_int_equal(prediction.gave_up, 21);
    assert_int_equal(prediction.unheard, 21);
    assert_false(prediction.p99_known);
    assert_non_null(strstr(prediction_lacks(&prediction, 0.99), "given up"));
    assert_null(prediction_lacks(&prediction, 0.9));
    prediction_free(&prediction);
    /* Where it was listened for, it is known. */
    trace_free(&trace);
    trace = sample(NS_PER_S);
    replay_run(&trace, &impatient, &setting, outcomes);
    prediction_take(&prediction, &trace, outcomes, 0, 1);
    assert_true(prediction.gave_up > 0 && prediction.gave_up < 10);
    assert_int_equal(prediction.unheard, 0);
    assert_true(prediction.p99_known);
    prediction_free(&prediction);
    free(outcomes);
    trace_free(&trace);
}

/* Rounds as a damaged database has them: whatever their length, nothing is written beyond them. */
static void test_rounds_of_no_length(void **state)
{
    (void)state;
    static const int64_t durations[] = {0, 1000, -NS_PER_S, NS_PER_S};
    for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
        struct trace trace = sample(NS_PER_S);
        struct replay_outcome *outcomes = mem_alloc(trace.request_count, sizeof(*outcomes));
        struct prediction prediction;
        trace.rounds[0].duration = durations[i];
        prediction_recorded(&trace, outcomes);
        prediction_take(&prediction, &trace, outcomes, 0, 1);
        assert_int_equal(prediction.failures, 21);
        prediction_free(&prediction);
        free(outcomes);
        trace_free(&trace);
    }
}

/* All slow ones end at one timeout: the p99 is not known the better for it. */
static void test_no_interval_without_width(void **state)
{
    (void)state;
    struct trace trace = sample(NS_PER_S);
    struct replay_outcome *outcomes = mem_alloc(trace.request_count, sizeof(*outcomes));
    struct prediction prediction;
    prediction_recorded(&trace, outcomes);
    for (size_t i = 0; i < trace.request_count; i++)
        outcomes[i].latency = 100 * MS, outcomes[i].failed = true;
    prediction_take(&prediction, &trace, outcomes, 0, 1);
    assert_true(prediction.p99_ms.low < 99.5 && prediction.p99_ms.high > 100.5);
    assert_true(prediction.failure_rate.low < 0.999 && prediction.failure_rate.high == 1);
    double low = prediction.p99_ms.low, high = prediction.p99_ms.high;
    prediction_widen_p99(&prediction, 4);
    assert_true(prediction.p99_ms.low <= low - 4 && prediction.p99_ms.high >= high + 4);
    prediction_widen_p99(&prediction, 1000);
    assert_true(prediction.p99_ms.low == 0);
    prediction_free(&prediction);
    free(outcomes);
    trace_free(&trace);
}

static void test_intervals(void **state)
{
    (void)state;
    struct trace trace = sample(NS_PER_S);
    struct replay_outcome *outcomes = mem_alloc(trace.request_count, sizeof(*outcomes));
    struct prediction prediction;
    prediction_recorded(&trace, outcomes);
    prediction_take(&prediction, &trace, outcomes, 0, 1);
    assert_int_equal(prediction.failures, 21);
    assert_true(prediction.failure_rate.value > 0.0209 && prediction.failure_rate.value < 0.0211);
    assert_true(prediction.failure_rate.low < 0.015 && prediction.failure_rate.high > 0.03);
    assert_true(prediction.p99_known && prediction.p99_ms.low <= prediction.p99_ms.value);
    prediction_free(&prediction);
    for (size_t i = 0; i < trace.request_count; i++)
        outcomes[i].failed = false;
    prediction_take(&prediction, &trace, outcomes, 0, 1);
    assert_true(prediction.failure_rate.value == 0 && prediction.failure_rate.high > 0.003);
    prediction_free(&prediction);
    free(outcomes);
    trace_free(&trace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timeouts),
        cmocka_unit_test(test_retries_escape),
        cmocka_unit_test(test_retries_are_caught),
        cmocka_unit_test(test_hedges),
        cmocka_unit_test(test_connection_limit),
        cmocka_unit_test(test_what_nobody_listened_for),
        cmocka_unit_test(test_intervals),
        cmocka_unit_test(test_clients_give_up),
        cmocka_unit_test(test_rounds_of_no_length),
        cmocka_unit_test(test_no_interval_without_width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
