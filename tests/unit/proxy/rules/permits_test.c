/* SPDX-License-Identifier: MIT */
/* Permits in front of a simulated service: a queue with a known number of slots and a known service
 * time. What its limit should be follows from Little's law. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/rng.h"
#include "proxy/rules/permits.h"

static const struct concurrency_config AVERAGE = {.limit = 10,
                                                  .adaptive = true,
                                                  .min = 4,
                                                  .max = 1000,
                                                  .tolerance = 1.5,
                                                  .smoothing = 0.2,
                                                  .window = {100 * NS_PER_MS},
                                                  .baseline = BASELINE_AVERAGE,
                                                  .memory = {60 * NS_PER_S}};

static struct concurrency_config probing(int64_t limit)
{
    struct concurrency_config config = AVERAGE;
    config.limit = limit;
    config.baseline = BASELINE_PROBE;
    config.probe = (struct concurrency_probe){.every = duration_s(60),
                                              .longest = duration_s(5),
                                              .requests = 50,
                                              .limit = 3,
                                              .jitter = 0.15};
    return config;
}

/* ---- the simulation */

enum { SLOTS_MAX = 64, IN_FLIGHT_MAX = 2000 };

struct request {
    double admitted, done; /* s */
};

struct service {
    struct permits permits;
    const struct concurrency_config *config;
    struct rng rng;
    int slots;
    double service_time; /* s, of each request */
    double free_at[SLOTS_MAX];
    struct request under_way[IN_FLIGHT_MAX];
    int count;
    double now; /* s */
    int served, refused, probes;
    double latency_sum; /* s, of those that were served */
};

static mono moment(double seconds)
{
    return (mono){(int64_t)((1000 + seconds) * 1e9)};
}

static void set_up(struct service *service, const struct concurrency_config *config, int slots,
                   double service_time)
{
    *service = (struct service){.config = config, .slots = slots, .service_time = service_time};
    rng_init(&service->rng, 7);
    permits_configure(&service->permits, config, moment(0));
}

static void note(struct service *service, struct permits_news news)
{
    service->probes += news.baseline > 0;
}

static void end_first(struct service *service, int first)
{
    struct request request = service->under_way[first];
    mono now = moment(request.done);
    service->now = request.done;
    service->under_way[first] = service->under_way[--service->count];
    service->served++;
    service->latency_sum += request.done - request.admitted;
    permits_give(&service->permits, service->config, now);
    note(service,
         permits_learn(&service->permits, service->config, moment(request.admitted),
                       (duration){(int64_t)((request.done - request.admitted) * 1e9)}, now));
}

/* First come, first served: it takes the slot that is free first. */
static void arrive(struct service *service)
{
    int slot = 0;
    if (!permits_take(&service->permits)) {
        service->refused++;
        note(service, permits_look(&service->permits, service->config, moment(service->now)));
        return;
    }
    for (int i = 1; i < service->slots; i++)
        if (service->free_at[i] < service->free_at[slot])
            slot = i;
    double start = fmax(service->now, service->free_at[slot]);
    service->free_at[slot] = start + service->service_time;
    assert_true(service->count < IN_FLIGHT_MAX);
    service->under_way[service->count++] = (struct request){service->now, service->free_at[slot]};
}

/* For so long requests arrive at random, `load` times as many as the slots can serve. */
static void run(struct service *service, double seconds, double load)
{
    double rate = load * service->slots / service->service_time;
    double end = service->now + seconds;
    double arrival = service->now - log(1 - rng_unit(&service->rng)) / rate;
    service->served = service->refused = 0;
    service->latency_sum = 0;
    for (;;) {
        int first = -1;
        for (int i = 0; i < service->count; i++)
            if (first < 0 || service->under_way[i].done < service->under_way[first].done)
                first = i;
        if (first >= 0 && service->under_way[first].done <= fmin(arrival, end)) {
            end_first(service, first);
        } else if (arrival <= end) {
            service->now = arrival;
            arrive(service);
            arrival -= log(1 - rng_unit(&service->rng)) / rate;
        } else {
            service->now = end;
            return;
        }
    }
}

static int limit_of(const struct service *service)
{
    return (int)service->permits.gradient.limit;
}

/* What was served, as a share of what can be. */
static double use(const struct service *service, double seconds)
{
    return service->served / (seconds * service->slots / service->service_time);
}

static double mean_latency(const struct service *service)
{
    return service->latency_sum / service->served;
}

/* ---- the average and its weakness */

static void test_under_an_overload_that_lasts_the_average_creeps_up(void **state)
{
    struct service service;
    set_up(&service, &AVERAGE, 2, 0.02);
    run(&service, 4, 1.5);
    int early = limit_of(&service);
    assert_in_range(early, 4, 25);
    run(&service, 600, 1.5);
    assert_true(limit_of(&service) > 3 * early);
    assert_true(mean_latency(&service) > 10 * service.service_time);
}

/* ---- probes */

static void test_a_probe_finds_the_time_without_a_queue(void **state)
{
    struct concurrency_config config = probing(100);
    struct service service;
    config.probe.limit = 2;
    set_up(&service, &config, 4, 0.02);
    run(&service, 5, 2);
    assert_int_equal(service.probes, 1);
    assert_true(fabs(service.permits.gradient.baseline - 20e6) < 1e6);
}

/* Requests that were under way when it began have waited for each other, and do not count. */
static void test_a_probe_waits_for_the_crowd_to_leave(void **state)
{
    struct concurrency_config config = probing(100), average = AVERAGE;
    struct service service;
    average.limit = average.min = 100;
    set_up(&service, &average, 4, 0.02);
    run(&service, 10, 2);
    assert_true(mean_latency(&service) > 0.4);
    service.config = &config;
    permits_configure(&service.permits, &config, moment(service.now));
    run(&service, 5, 2);
    assert_int_equal(service.probes, 1);
    assert_true(fabs(service.permits.gradient.baseline - 20e6) < 1e6);
}

static void check_near_the_knee(const struct service *service, double seconds)
{
    assert_in_range(limit_of(service), service->slots, 4 * service->slots);
    assert_true(use(service, seconds) > 0.9);
    assert_true(mean_latency(service) < 4 * service->service_time);
}

static void test_the_limit_settles_near_the_knee(void **state)
{
    static const int slots[] = {2, 8, 20}, limits[] = {4, 30, 500};
    for (size_t i = 0; i < ARRAY_LEN(slots); i++)
        for (size_t j = 0; j < ARRAY_LEN(limits); j++) {
            struct concurrency_config config = probing(limits[j]);
            struct service service;
            set_up(&service, &config, slots[i], 0.02);
            run(&service, 40, 1.5);
            run(&service, 600, 1.5);
            check_near_the_knee(&service, 600);
            assert_in_range(service.probes, 9, 13);
        }
}

static void test_a_probe_corrects_what_an_overload_has_raised(void **state)
{
    struct concurrency_config config = probing(10);
    struct service service;
    set_up(&service, &AVERAGE, 2, 0.02);
    /* More and more, over ten minutes. */
    for (int i = 0; i < 60; i++)
        run(&service, 10, 0.5 + i / 50.0);
    assert_true(limit_of(&service) > 30);
    double drifted = service.permits.gradient.baseline;
    assert_true(drifted > 200e6);
    run(&service, 120, 1.5);
    assert_true(service.permits.gradient.baseline > drifted);

    set_up(&service, &config, 2, 0.02);
    service.permits.gradient.probing = false;
    service.permits.gradient.baseline = drifted;
    service.permits.gradient.limit = 60;
    service.permits.gradient.probe_due = moment(30);
    permits_configure(&service.permits, &config, moment(0));
    run(&service, 29, 1.5);
    assert_true(limit_of(&service) > 30);
    run(&service, 40, 1.5);
    assert_true(service.permits.gradient.baseline < 40e6);
    run(&service, 60, 1.5);
    check_near_the_knee(&service, 60);
}

/* The limit falls to its lowest first, as it must look like an overload. */
static void test_a_service_that_has_become_slower_is_probed_early(void **state)
{
    struct concurrency_config config = probing(20);
    struct service service;
    config.probe.every = duration_s(3600);
    set_up(&service, &config, 16, 0.02);
    run(&service, 30, 1.2);
    assert_int_equal(service.probes, 1);
    service.service_time = 0.2;
    run(&service, 60, 1.2);
    assert_true(service.probes >= 2);
    assert_true(fabs(service.permits.gradient.baseline - 200e6) < 20e6);
    run(&service, 60, 1.2);
    check_near_the_knee(&service, 60);
}

/* One slot, and a probe that lets one through: four at a time always look slow. */
static void test_an_early_probe_in_vain_is_not_repeated(void **state)
{
    struct concurrency_config config = probing(20);
    struct service service;
    config.probe.limit = 1;
    set_up(&service, &config, 1, 0.02);
    run(&service, 50, 1.5);
    assert_in_range(service.probes, 1, 2);
    run(&service, 600, 1.5);
    assert_in_range(service.probes, 10, 25);
    assert_true(use(&service, 600) > 0.9);
}

static void test_without_overload_nobody_is_refused_but_by_a_probe(void **state)
{
    struct concurrency_config config = probing(20);
    struct service service;
    set_up(&service, &config, 8, 0.02);
    run(&service, 30, 0.6);
    run(&service, 29, 0.6);
    assert_int_equal(service.refused, 0);
}

static void test_a_probe_that_sees_too_little_is_given_up(void **state)
{
    struct concurrency_config config = probing(20);
    struct service service;
    set_up(&service, &config, 1, 0.02);
    assert_int_equal(atomic_load(&service.permits.limit), 3);
    /* A quiet time is no part of it. */
    service.now = 100;
    run(&service, 4, 0.1);
    assert_int_equal(atomic_load(&service.permits.limit), 3);
    run(&service, 3, 0.1);
    assert_int_equal(service.probes, 0);
    assert_int_equal(atomic_load(&service.permits.limit), 20);
    /* Until one has not been, what is usual is the baseline. */
    run(&service, 10, 0.1);
    assert_true(fabs(service.permits.gradient.baseline - 20e6) < 5e6);
}

/* Or reloads that come often, as endpoints change, would keep the limit low. */
static void test_the_same_configuration_once_more_begins_no_probe_anew(void **state)
{
    struct concurrency_config config = probing(20), copy = config;
    struct service service;
    set_up(&service, &config, 1, 0.02);
    for (int i = 0; i < 7; i++) {
        run(&service, 1, 0.1);
        service.config = i % 2 == 0 ? &copy : &config;
        permits_configure(&service.permits, service.config, moment(service.now));
    }
    assert_int_equal(atomic_load(&service.permits.limit), 20);
}

/* Nothing ends, so that only who is refused can tell that it has lasted too long. */
static void test_a_probe_ends_when_nothing_moves(void **state)
{
    struct concurrency_config config = probing(20);
    struct service service;
    set_up(&service, &config, 1, 1000);
    run(&service, 4, 1000);
    assert_int_equal(atomic_load(&service.permits.limit), 3);
    run(&service, 8, 1000);
    assert_int_equal(atomic_load(&service.permits.limit), 20);
}

/* ---- another configuration */

static void test_what_is_held_stays_held_under_another_limit(void **state)
{
    struct concurrency_config two = {.limit = 2}, one = {.limit = 1};
    struct permits permits = {0};
    permits_configure(&permits, &two, moment(0));
    assert_true(permits_take(&permits) && permits_take(&permits));
    permits_configure(&permits, &one, moment(1));
    assert_false(permits_take(&permits));
    permits_give(&permits, &two, moment(2));
    assert_false(permits_take(&permits));
    permits_give(&permits, &two, moment(3));
    assert_true(permits_take(&permits));
}

static void test_what_was_learnt_stays_within_the_new_bounds(void **state)
{
    struct concurrency_config config = probing(100), narrow = probing(20), fixed = {.limit = 7};
    struct service service;
    set_up(&service, &config, 8, 0.02);
    run(&service, 30, 1.5);
    int limit = limit_of(&service);
    double baseline = service.permits.gradient.baseline;
    narrow.max = 20;
    permits_configure(&service.permits, &narrow, moment(service.now));
    assert_int_equal(limit_of(&service), limit < 20 ? limit : 20);
    assert_true(service.permits.gradient.baseline == baseline);
    /* Who goes by the old one has nothing to say any more. */
    struct permits_news news = permits_learn(&service.permits, &config, moment(0), duration_s(1),
                                             moment(service.now + 10));
    assert_int_equal(news.limit, 0);
    permits_configure(&service.permits, &fixed, moment(service.now));
    assert_int_equal(atomic_load(&service.permits.limit), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_under_an_overload_that_lasts_the_average_creeps_up),
        cmocka_unit_test(test_a_probe_finds_the_time_without_a_queue),
        cmocka_unit_test(test_a_probe_waits_for_the_crowd_to_leave),
        cmocka_unit_test(test_the_limit_settles_near_the_knee),
        cmocka_unit_test(test_a_probe_corrects_what_an_overload_has_raised),
        cmocka_unit_test(test_a_service_that_has_become_slower_is_probed_early),
        cmocka_unit_test(test_an_early_probe_in_vain_is_not_repeated),
        cmocka_unit_test(test_without_overload_nobody_is_refused_but_by_a_probe),
        cmocka_unit_test(test_a_probe_that_sees_too_little_is_given_up),
        cmocka_unit_test(test_the_same_configuration_once_more_begins_no_probe_anew),
        cmocka_unit_test(test_a_probe_ends_when_nothing_moves),
        cmocka_unit_test(test_what_is_held_stays_held_under_another_limit),
        cmocka_unit_test(test_what_was_learnt_stays_within_the_new_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
