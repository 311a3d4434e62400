/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "lab/analysis/stalls.h"
#include "lib/base/dist.h"
#include "lib/base/memory.h"

#define MS     INT64_C(1000000)
#define SECOND (1000 * MS)
#define NEVER  (3600 * SECOND)

/* A made-up service, ten seconds of it: independent requests on endpoints in turn, which stand
 * still from `from` to `to`. */
struct service {
    double rate;
    const char *takes;
    uint32_t endpoints;
    int64_t from, to;
    uint32_t stands; /* the endpoint that does; `endpoints` = all */
    int64_t timeout;
    bool frozen;       /* the gateway does: nothing comes or goes */
    int64_t silent_to; /* nothing is sent to it between the first timeouts and then */
};

struct records {
    struct stall_wait *waits;
    size_t count, room;
    struct rng rng;
};

static const struct service steady = {
    .rate = 1000, .takes = "exponential(20ms)", .endpoints = 1, .timeout = NEVER};

static bool stands(const struct service *service, uint32_t endpoint, int64_t at)
{
    return at >= service->from && at < service->to &&
           (service->stands == service->endpoints || service->stands == endpoint);
}

static void add(struct records *records, struct stall_wait wait)
{
    if (records->count == records->room) {
        records->room = records->room ? 2 * records->room : 4096;
        records->waits = mem_grow(records->waits, records->room, sizeof(wait));
    }
    records->waits[records->count++] = wait;
}

static void ask(struct records *records, const struct service *service, int64_t at, int64_t takes)
{
    uint32_t endpoint = (uint32_t)(records->count % service->endpoints);
    int64_t sent = service->frozen && stands(service, endpoint, at) ? service->to : at;
    int64_t done = sent + takes;
    if (stands(service, endpoint, sent))
        done = service->to + takes;
    else if (stands(service, endpoint, done))
        done = service->to;
    done += (int64_t)rng_below(&records->rng, 200000);
    bool moved = done - sent <= service->timeout;
    add(records, (struct stall_wait){sent, moved ? done : sent + service->timeout, endpoint,
                                     STALL_HEAD, moved});
}

static void simulate(struct records *records, const struct service *service)
{
    struct dist gap = {.kind = DIST_EXPONENTIAL, .a = (double)SECOND / service->rate}, takes;
    struct error error;
    rng_init(&records->rng, 7);
    assert_int_equal(dist_parse(&takes, service->takes, &error), OK);
    for (int64_t at = MS; (at += dist_sample(&gap, &records->rng).ns) < 10 * SECOND;) {
        bool silent = at > service->from + service->timeout && at < service->silent_to;
        int64_t time = dist_sample(&takes, &records->rng).ns;
        if (service->silent_to == 0 || !silent)
            ask(records, service, at, time);
    }
}

static struct stalls found_in(const struct service *service)
{
    struct records records = {0};
    struct stalls stalls;
    simulate(&records, service);
    stalls_find(&stalls, records.waits, records.count, service->endpoints);
    free(records.waits);
    return stalls;
}

static void assert_between(int64_t value, int64_t least, int64_t most)
{
    if (value < least || value > most)
        fail_msg("%lld is not in %lld..%lld", (long long)value, (long long)least, (long long)most);
}

/* ---- one endpoint */

static void a_pause_is_found_with_its_begin_and_its_end(void **state)
{
    struct service service = steady;
    service.from = 5 * SECOND;
    service.to = service.from + 80 * MS;
    struct stalls stalls = found_in(&service);
    assert_int_equal(stalls.count, 1);
    const struct stall *stall = &stalls.items[0];
    assert_between(stall->began, service.from - 3 * MS, service.from + 3 * MS);
    assert_true(stall->began_after <= service.from);
    assert_between(stall->ended, service.to, service.to + MS);
    assert_between(stall->held, 60, 160);
    assert_true(stall->together >= 10 && stall->together < stall->held);
    assert_int_equal(stall->given_up, 0);
    assert_false(stall->open);
    assert_int_equal(stall->scope, STALL_ENDPOINT);
    assert_true(stall->confidence > 0.999);
    stalls_free(&stalls);
}

/* What came within it takes its own time behind it, so that nothing moves for a while: that is no
 * second one. */
static void the_silence_behind_a_pause_belongs_to_it(void **state)
{
    struct service service = steady;
    service.takes = "20ms";
    service.from = 5 * SECOND;
    service.to = service.from + 100 * MS;
    struct stalls stalls = found_in(&service);
    assert_int_equal(stalls.count, 1);
    assert_between(stalls.items[0].ended, service.to, service.to + MS);
    stalls_free(&stalls);
}

static void steady_traffic_has_none(void **state)
{
    static const char *const kinds[] = {"exponential(20ms)", "20ms", "uniform(1ms,40ms)",
                                        "lognormal(p50=2ms,p99=200ms)", "pareto(2ms,1.2)"};
    static const double rates[] = {20, 300, 3000};
    for (size_t kind = 0; kind < ARRAY_LEN(kinds); kind++)
        for (size_t rate = 0; rate < ARRAY_LEN(rates); rate++) {
            struct service service = steady;
            service.takes = kinds[kind];
            service.rate = rates[rate];
            struct stalls stalls = found_in(&service);
            assert_int_equal(stalls.count, 0);
            assert_true(stalls.endpoints[0].judged);
            stalls_free(&stalls);
        }
}

static void timeouts_do_not_hide_a_pause(void **state)
{
    struct service service = steady;
    service.timeout = 120 * MS;
    service.from = 5 * SECOND;
    service.to = service.from + 700 * MS;
    struct stalls stalls = found_in(&service);
    assert_int_equal(stalls.count, 1);
    assert_between(stalls.items[0].began, service.from - 3 * MS, service.from + 3 * MS);
    assert_between(stalls.items[0].ended, service.to, service.to + MS);
    assert_between(stalls.items[0].given_up, 400, 700);
    stalls_free(&stalls);
}

/* An endpoint that nobody asks any more cannot show when it went on. */
static void the_end_is_open_when_nobody_was_there_to_see_it(void **state)
{
    struct service service = steady;
    service.timeout = 120 * MS;
    service.from = 5 * SECOND;
    service.to = service.from + 300 * MS;
    service.silent_to = 8 * SECOND;
    struct stalls stalls = found_in(&service);
    assert_int_equal(stalls.count, 1);
    assert_true(stalls.items[0].open);
    assert_between(stalls.items[0].ended, service.from + 120 * MS, service.from + 241 * MS);
    stalls_free(&stalls);
}

/* ---- what is none */

static void add_at(struct records *records, int64_t from, int64_t takes)
{
    add(records, (struct stall_wait){from, from + takes, 0, STALL_HEAD, true});
}

static void find(struct records *records, struct stalls *stalls)
{
    stalls_find(stalls, records->waits, records->count, 1);
    free(records->waits);
}

static void a_slow_request_is_none(void **state)
{
    struct records records = {0};
    struct stalls stalls;
    for (int64_t i = 0; i < 1000; i++)
        add_at(&records, i * 100 * MS, 10 * MS + i % 7 * MS);
    add_at(&records, 30 * SECOND + 50 * MS, 49 * MS);
    add_at(&records, 100 * SECOND, 900 * MS);
    find(&records, &stalls);
    assert_int_equal(stalls.count, 0);
    stalls_free(&stalls);
}

/* Sixty long polls wait for half a minute, among requests that have come to an end. */
static void a_drain_of_slow_requests_is_none(void **state)
{
    struct records records = {0};
    struct stalls stalls;
    rng_init(&records.rng, 3);
    for (int64_t i = 0; i < 5000; i++)
        add_at(&records, i * 4 * MS, 5 * MS + (int64_t)rng_below(&records.rng, 10000000));
    for (int64_t i = 0; i < 300; i++)
        add_at(&records, i * 66 * MS, 30 * SECOND + (int64_t)rng_below(&records.rng, 1000000));
    find(&records, &stalls);
    assert_int_equal(stalls.count, 0);
    stalls_free(&stalls);
}

/* From one moment on everything takes ten times as long, but each for itself. */
static void becoming_slower_is_none(void **state)
{
    struct records records = {0};
    struct stalls stalls;
    struct dist quick = {.kind = DIST_EXPONENTIAL, .a = 10 * MS}, slow = quick;
    slow.a *= 10;
    rng_init(&records.rng, 3);
    for (int64_t i = 0; i < 10000; i++) {
        bool is_slow = i > 4000 && i < 6000;
        add_at(&records, i * MS, dist_sample(is_slow ? &slow : &quick, &records.rng).ns);
    }
    find(&records, &stalls);
    assert_int_equal(stalls.count, 0);
    stalls_free(&stalls);
}

/* For a second everything takes 200 ms, and hedges cancel each after 60 ms; what the last of them
 * waited for is set free together. */
static void slower_than_anybody_waits_for_is_none(void **state)
{
    static const int64_t gaps[] = {30 * MS, 10 * MS, 2 * MS};
    for (size_t gap = 0; gap < ARRAY_LEN(gaps); gap++) {
        struct records records = {0};
        struct stalls stalls;
        struct dist takes = {.kind = DIST_EXPONENTIAL, .a = 4 * MS};
        rng_init(&records.rng, 3);
        for (int64_t at = 0; at < 10 * SECOND; at += gaps[gap]) {
            bool slow = at > 5 * SECOND && at < 6 * SECOND;
            if (slow)
                add(&records, (struct stall_wait){at, at + 60 * MS, 0, STALL_HEAD, false});
            else
                add_at(&records, at, dist_sample(&takes, &records.rng).ns);
        }
        for (int64_t i = 1; i <= 2; i++)
            add_at(&records, 6 * SECOND - i * 15 * MS, i * 15 * MS);
        find(&records, &stalls);
        assert_int_equal(stalls.count, 0);
        stalls_free(&stalls);
    }
}

/* As many wait as before, and are cancelled as soon; but those that wait at the end all move. */
static void hedges_do_not_hide_a_pause(void **state)
{
    struct service service = steady;
    service.rate = 200;
    service.takes = "exponential(4ms)";
    service.timeout = 60 * MS;
    service.from = 5 * SECOND;
    service.to = service.from + SECOND;
    struct stalls stalls = found_in(&service);
    assert_int_equal(stalls.count, 1);
    const struct stall *stall = &stalls.items[0];
    assert_true(stall->given_up * 10 > stall->held * 9);
    assert_true(stall->together >= STALL_LEAST_HELD);
    assert_true(stall->together <= stall->held - stall->given_up);
    assert_between(stall->ended, service.to, service.to + MS);
    stalls_free(&stalls);
}

static void too_few_requests_are_not_judged(void **state)
{
    struct records records = {0};
    struct stalls stalls;
    for (int64_t i = 0; i < STALL_LEAST_MOVES - 1; i++)
        add_at(&records, i * 10 * MS, i < 20 ? 5 * MS : 900 * MS - i * 10 * MS);
    find(&records, &stalls);
    assert_int_equal(stalls.count, 0);
    assert_false(stalls.endpoints[0].judged);
    stalls_free(&stalls);
    stalls_find(&stalls, NULL, 0, 0);
    assert_int_equal(stalls.count, 0);
    stalls_free(&stalls);
}

/* ---- what stood still */

static struct service two_endpoints(uint32_t stands)
{
    struct service service = steady;
    service.rate = 2000;
    service.endpoints = 2;
    service.from = 5 * SECOND;
    service.to = service.from + 150 * MS;
    service.stands = stands;
    return service;
}

static void one_of_two_endpoints(void **state)
{
    struct service service = two_endpoints(1);
    struct stalls stalls = found_in(&service);
    assert_int_equal(stalls.count, 1);
    assert_int_equal(stalls.items[0].endpoint, 1);
    assert_int_equal(stalls.items[0].scope, STALL_ENDPOINT);
    stalls_free(&stalls);
}

static void what_endpoints_have_in_common(void **state)
{
    struct service service = two_endpoints(2);
    struct stalls stalls = found_in(&service);
    assert_int_equal(stalls.count, 2);
    assert_int_equal(stalls.items[0].scope, STALL_COMMON);
    assert_int_equal(stalls.items[1].scope, STALL_COMMON);
    stalls_free(&stalls);
}

static void the_gateway_itself(void **state)
{
    for (uint32_t endpoints = 1; endpoints <= 2; endpoints++) {
        struct service service = two_endpoints(endpoints);
        service.endpoints = endpoints;
        service.frozen = true;
        struct stalls stalls = found_in(&service);
        assert_int_equal(stalls.count, 1);
        assert_int_equal(stalls.items[0].scope, STALL_GATEWAY);
        assert_true(stalls.items[0].endpoint == STALL_NO_ENDPOINT);
        assert_string_equal(stall_scope_name(stalls.items[0].scope), "gateway");
        stalls_free(&stalls);
    }
}

/* Clients that wait for their answers ask nothing meanwhile: who stood still cannot be told. */
static void clients_that_all_wait_leave_it_unclear(void **state)
{
    struct records records = {0};
    struct stalls stalls;
    int64_t at[20] = {0}, from = 5 * SECOND, to = 5 * SECOND + 200 * MS;
    struct dist takes = {.kind = DIST_EXPONENTIAL, .a = 10 * MS};
    rng_init(&records.rng, 5);
    for (size_t i = 0; i < 20000; i++) {
        int64_t *client = &at[i % ARRAY_LEN(at)];
        int64_t time = dist_sample(&takes, &records.rng).ns, done = *client + time;
        done = done >= from && *client < to && done < to ? to + time / 100 : done;
        add_at(&records, *client, done - *client);
        *client = done + MS / 10;
    }
    find(&records, &stalls);
    assert_int_equal(stalls.count, 1);
    assert_int_equal(stalls.items[0].scope, STALL_UNCLEAR);
    assert_int_equal(stalls.items[0].held, 20);
    stalls_free(&stalls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pause_is_found_with_its_begin_and_its_end),
        cmocka_unit_test(the_silence_behind_a_pause_belongs_to_it),
        cmocka_unit_test(steady_traffic_has_none),
        cmocka_unit_test(timeouts_do_not_hide_a_pause),
        cmocka_unit_test(the_end_is_open_when_nobody_was_there_to_see_it),
        cmocka_unit_test(a_slow_request_is_none),
        cmocka_unit_test(a_drain_of_slow_requests_is_none),
        cmocka_unit_test(becoming_slower_is_none),
        cmocka_unit_test(slower_than_anybody_waits_for_is_none),
        cmocka_unit_test(hedges_do_not_hide_a_pause),
        cmocka_unit_test(too_few_requests_are_not_judged),
        cmocka_unit_test(one_of_two_endpoints),
        cmocka_unit_test(what_endpoints_have_in_common),
        cmocka_unit_test(the_gateway_itself),
        cmocka_unit_test(clients_that_all_wait_leave_it_unclear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
