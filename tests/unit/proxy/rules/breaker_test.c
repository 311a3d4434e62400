/* SPDX-License-Identifier: MIT */
/* When a breaker opens, whom it lets through meanwhile, and when it closes. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/rules/breaker.h"

struct sample {
    struct breaker_config config;
    struct breaker breaker;
    struct breaker_change change; /* the last */
    mono now;
};

/* A window of ten seconds, at least ten calls, open for five seconds, then four probes. */
static void set_up(struct sample *sample, double error_ratio, int64_t error_count,
                   double slow_ratio)
{
    *sample = (struct sample){.config = {.error_ratio = error_ratio,
                                         .error_count = error_count,
                                         .slow_ratio = slow_ratio,
                                         .minimum = 10,
                                         .window = duration_s(10),
                                         .open_for = duration_s(5),
                                         .probes = 4},
                              .now = {1000 * NS_PER_S}};
    breaker_configure(&sample->breaker, &sample->config);
}

static bool admit(struct sample *sample, struct breaker_ticket *ticket)
{
    bool would = breaker_would_admit(&sample->breaker, &sample->config, sample->now);
    bool admitted =
        breaker_admit(&sample->breaker, &sample->config, sample->now, ticket, &sample->change);
    assert_int_equal(would, admitted);
    return admitted;
}

static void settle(struct sample *sample, struct breaker_ticket *ticket, unsigned verdict)
{
    breaker_settle(&sample->breaker, &sample->config, sample->now, ticket, verdict,
                   &sample->change);
}

/* So many calls, one after the other. */
static void call(struct sample *sample, int times, unsigned verdict)
{
    for (int i = 0; i < times; i++) {
        struct breaker_ticket ticket;
        assert_true(admit(sample, &ticket));
        settle(sample, &ticket, verdict);
    }
}

static void pass_ms(struct sample *sample, int64_t ms)
{
    sample->now = mono_add(sample->now, duration_ms(ms));
}

static void assert_state(const struct sample *sample, enum breaker_state state)
{
    assert_int_equal(breaker_state(&sample->breaker), state);
}

/* ---- opening */

static void test_error_ratio(void **state)
{
    struct sample sample;
    set_up(&sample, 0.5, 0, 0);
    call(&sample, 6, BREAKER_GOOD);
    call(&sample, 5, BREAKER_FAILED);
    assert_state(&sample, BREAKER_CLOSED);
    call(&sample, 1, BREAKER_FAILED);
    assert_state(&sample, BREAKER_OPEN);
    assert_true(sample.change.changed && sample.change.to == BREAKER_OPEN && !sample.change.slow);
    assert_int_equal(sample.change.bad, 6);
    assert_int_equal(sample.change.all, 12);
}

static void test_the_minimum(void **state)
{
    struct sample sample;
    set_up(&sample, 0.1, 0, 0.1);
    call(&sample, 9, BREAKER_FAILED | BREAKER_SLOW);
    assert_state(&sample, BREAKER_CLOSED);
    call(&sample, 1, BREAKER_FAILED);
    assert_state(&sample, BREAKER_OPEN);
}

static void test_error_count(void **state)
{
    struct sample sample;
    set_up(&sample, 0, 3, 0);
    call(&sample, 100, BREAKER_GOOD);
    call(&sample, 2, BREAKER_FAILED);
    assert_state(&sample, BREAKER_CLOSED);
    call(&sample, 1, BREAKER_FAILED); /* below the minimum of no ratio */
    assert_state(&sample, BREAKER_OPEN);
}

static void test_slow_ratio(void **state)
{
    struct sample sample;
    set_up(&sample, 0, 0, 0.4);
    call(&sample, 6, BREAKER_FAILED); /* is none of its business */
    call(&sample, 3, BREAKER_SLOW);
    assert_state(&sample, BREAKER_CLOSED);
    call(&sample, 1, BREAKER_SLOW);
    assert_state(&sample, BREAKER_OPEN);
    assert_true(sample.change.slow);
    assert_int_equal(sample.change.bad, 4);
}

static void test_the_window_forgets(void **state)
{
    struct sample sample;
    set_up(&sample, 0, 3, 0);
    call(&sample, 2, BREAKER_FAILED);
    pass_ms(&sample, 10000);
    call(&sample, 2, BREAKER_FAILED);
    assert_state(&sample, BREAKER_CLOSED);
}

static void test_neither_counts_for_nothing(void **state)
{
    struct sample sample;
    set_up(&sample, 0, 1, 0);
    call(&sample, 50, BREAKER_NEITHER);
    assert_state(&sample, BREAKER_CLOSED);
}

/* ---- open, half open, closed */

static void open_it(struct sample *sample)
{
    set_up(sample, 0.5, 0, 0);
    call(sample, 10, BREAKER_FAILED);
    assert_state(sample, BREAKER_OPEN);
}

static void test_open_lets_nobody_through(void **state)
{
    struct sample sample;
    struct breaker_ticket ticket;
    open_it(&sample);
    pass_ms(&sample, 4999);
    assert_false(admit(&sample, &ticket));
    pass_ms(&sample, 1);
    assert_true(admit(&sample, &ticket));
    assert_true(sample.change.changed && sample.change.to == BREAKER_HALF_OPEN);
}

static void test_half_open_lets_its_probes_through(void **state)
{
    struct sample sample;
    struct breaker_ticket tickets[4], none;
    open_it(&sample);
    pass_ms(&sample, 5000);
    for (int i = 0; i < 4; i++)
        assert_true(admit(&sample, &tickets[i]));
    assert_false(admit(&sample, &none));
    settle(&sample, &tickets[0], BREAKER_NEITHER); /* its place is free again */
    assert_true(admit(&sample, &tickets[0]));
    for (int i = 0; i < 4; i++) {
        assert_state(&sample, BREAKER_HALF_OPEN);
        settle(&sample, &tickets[i], i == 0 ? BREAKER_FAILED : BREAKER_GOOD);
    }
    assert_state(&sample, BREAKER_CLOSED); /* one of four is below a half */
    assert_true(sample.change.changed && sample.change.to == BREAKER_CLOSED);
    assert_int_equal(sample.change.bad, 1);
    call(&sample, 9, BREAKER_FAILED); /* it began anew */
    assert_state(&sample, BREAKER_CLOSED);
}

static void test_bad_probes_open_it_again(void **state)
{
    struct sample sample;
    struct breaker_ticket tickets[4], none;
    open_it(&sample);
    pass_ms(&sample, 5000);
    for (int i = 0; i < 4; i++)
        assert_true(admit(&sample, &tickets[i]));
    settle(&sample, &tickets[0], BREAKER_FAILED);
    assert_state(&sample, BREAKER_HALF_OPEN);
    settle(&sample, &tickets[1], BREAKER_FAILED); /* a half */
    assert_state(&sample, BREAKER_OPEN);
    settle(&sample, &tickets[2], BREAKER_GOOD); /* comes too late to be heard */
    settle(&sample, &tickets[3], BREAKER_GOOD);
    pass_ms(&sample, 4999);
    assert_false(admit(&sample, &none)); /* the time runs anew */
}

static void test_calls_of_an_earlier_state_are_not_heard(void **state)
{
    struct sample sample;
    struct breaker_ticket old[20], probe;
    set_up(&sample, 0.5, 0, 0);
    for (int i = 0; i < 20; i++)
        assert_true(admit(&sample, &old[i]));
    for (int i = 0; i < 10; i++)
        settle(&sample, &old[i], BREAKER_FAILED);
    assert_state(&sample, BREAKER_OPEN);
    pass_ms(&sample, 5000);
    assert_true(admit(&sample, &probe));
    for (int i = 10; i < 20; i++)
        settle(&sample, &old[i], BREAKER_FAILED);
    assert_state(&sample, BREAKER_HALF_OPEN);
    settle(&sample, &probe, BREAKER_GOOD);
    settle(&sample, &probe, BREAKER_FAILED); /* a ticket is good for once */
    assert_state(&sample, BREAKER_HALF_OPEN);
}

static void test_a_count_allows_no_bad_probe(void **state)
{
    struct sample sample;
    set_up(&sample, 0, 5, 0);
    call(&sample, 5, BREAKER_FAILED);
    pass_ms(&sample, 5000);
    call(&sample, 1, BREAKER_FAILED);
    assert_state(&sample, BREAKER_OPEN);
}

/* ---- threads */

enum { THREADS = 4, CALLS = 20000 };

static void *call_many(void *arg)
{
    struct sample *sample = arg;
    for (int i = 0; i < CALLS; i++) {
        struct breaker_ticket ticket;
        struct breaker_change change;
        mono now = mono_add(sample->now, duration_ms(i));
        if (breaker_admit(&sample->breaker, &sample->config, now, &ticket, &change))
            breaker_settle(&sample->breaker, &sample->config, now, &ticket,
                           i % 3 ? BREAKER_FAILED : BREAKER_GOOD, &change);
    }
    return NULL;
}

static void test_threads_leave_it_usable(void **state)
{
    struct sample sample;
    pthread_t threads[THREADS];
    set_up(&sample, 0.5, 0, 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call_many, &sample), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pass_ms(&sample, CALLS + 5000);
    if (breaker_state(&sample.breaker) != BREAKER_CLOSED)
        call(&sample, 4, BREAKER_GOOD);
    assert_state(&sample, BREAKER_CLOSED); /* no probe's place was lost */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error_ratio),
        cmocka_unit_test(test_the_minimum),
        cmocka_unit_test(test_error_count),
        cmocka_unit_test(test_slow_ratio),
        cmocka_unit_test(test_the_window_forgets),
        cmocka_unit_test(test_neither_counts_for_nothing),
        cmocka_unit_test(test_open_lets_nobody_through),
        cmocka_unit_test(test_half_open_lets_its_probes_through),
        cmocka_unit_test(test_bad_probes_open_it_again),
        cmocka_unit_test(test_calls_of_an_earlier_state_are_not_heard),
        cmocka_unit_test(test_a_count_allows_no_bad_probe),
        cmocka_unit_test(test_threads_leave_it_usable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
