/* SPDX-License-Identifier: MIT */
/* Which endpoint is chosen, by each rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/memory.h"
#include "proxy/rules/balance.h"

enum { MOST = 4 };

static const mono start = {100 * NS_PER_S};

struct sample {
    struct balance balance;
    struct rng rng;
    mono now;
    int counts[MOST];
};

static void set_up(struct sample *sample, const struct balance_config *config,
                   const int64_t *weights, size_t count)
{
    static const char *const names[MOST] = {"10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80",
                                            "10.0.0.4:80"};
    struct peer_spec specs[MOST];
    *sample = (struct sample){.now = start};
    rng_init(&sample->rng, 7);
    for (size_t i = 0; i < count; i++)
        specs[i] = (struct peer_spec){names[i], weights[i]};
    balance_init(&sample->balance, config, &sample->rng, specs, count);
}

static void set_up_rule(struct sample *sample, enum balance_algorithm rule, const int64_t *weights,
                        size_t count)
{
    const struct balance_config config = {.rule = (int)rule};
    set_up(sample, &config, weights, count);
}

static int choose_by(struct sample *sample, uint64_t key)
{
    balance_begin(&sample->balance);
    return balance_choose(&sample->balance, key, sample->now);
}

static int choose(struct sample *sample)
{
    return choose_by(sample, 0);
}

/* Requests that end before the next begins. */
static void count_choices(struct sample *sample, int times)
{
    for (int i = 0; i < MOST; i++)
        sample->counts[i] = 0;
    for (int i = 0; i < times; i++)
        sample->counts[choose_by(sample, (uint64_t)i)]++;
}

/* Requests that go on for ever. */
static void pile_up(struct sample *sample, int times)
{
    for (int i = 0; i < times; i++)
        sample->balance.peers[choose_by(sample, (uint64_t)i)].active++;
}

static void learn(struct sample *sample, size_t peer, int ms)
{
    balance_learn(&sample->balance, peer, duration_ms(ms), false, sample->now);
}

/* ---- every rule */

static void test_every_rule_chooses_what_is_left(void **state)
{
    const int64_t weights[] = {3, 1, 2};
    for (int rule = 0; rule < BALANCE_COUNT; rule++)
        for (int table = 0; table < PLACEMENT_COUNT; table++) {
            const struct balance_config config = {.rule = rule, .table = table, .bound = 1};
            struct sample sample;
            set_up(&sample, &config, weights, 3);
            unsigned seen = 0;
            balance_begin(&sample.balance);
            for (int i = 0; i < 3; i++) {
                int chosen = balance_choose(&sample.balance, 99, sample.now);
                assert_in_range(chosen, 0, 2);
                assert_false(seen >> chosen & 1);
                seen |= 1u << chosen;
                balance_exclude(&sample.balance, (size_t)chosen);
            }
            assert_int_equal(balance_choose(&sample.balance, 99, sample.now), -1);
            assert_in_range(choose(&sample), 0, 2); /* all are back */
            balance_release(&sample.balance);
        }
}

static void test_every_rule_is_fine_with_one(void **state)
{
    const int64_t weights[] = {5};
    for (int rule = 0; rule < BALANCE_COUNT; rule++) {
        struct sample sample;
        set_up_rule(&sample, (enum balance_algorithm)rule, weights, 1);
        pile_up(&sample, 10);
        assert_int_equal(choose(&sample), 0);
        balance_release(&sample.balance);
    }
}

static void test_every_rule_is_fine_with_none(void **state)
{
    for (int rule = 0; rule < BALANCE_COUNT; rule++)
        for (int table = 0; table < PLACEMENT_COUNT; table++) {
            const struct balance_config config = {.rule = rule, .table = table, .bound = 1};
            struct sample sample;
            set_up(&sample, &config, NULL, 0);
            balance_start_at(&sample.balance, 3);
            balance_begin(&sample.balance);
            assert_int_equal(balance_choose(&sample.balance, 99, sample.now), -1);
            balance_release(&sample.balance);
        }
}

/* ---- in turn */

static void test_round_robin_is_smooth(void **state)
{
    const int64_t weights[] = {5, 1, 1};
    static const int expected[] = {0, 0, 1, 0, 2, 0, 0}; /* nginx's example */
    struct sample sample;
    set_up_rule(&sample, BALANCE_ROUND_ROBIN, weights, 3);
    for (int i = 0; i < 21; i++)
        assert_int_equal(choose(&sample), expected[i % 7]);
    balance_release(&sample.balance);
}

static void test_round_robin_takes_weights_in_lowest_terms(void **state)
{
    const int64_t weights[] = {1000, 200, 200};
    static const int expected[] = {0, 0, 1, 0, 2, 0, 0};
    struct sample sample;
    set_up_rule(&sample, BALANCE_ROUND_ROBIN, weights, 3);
    assert_int_equal(sample.balance.order_length, 7);
    for (int i = 0; i < 7; i++)
        assert_int_equal(choose(&sample), expected[i]);
    balance_release(&sample.balance);
}

static void test_round_robin_starts_where_told(void **state)
{
    const int64_t weights[] = {1, 1, 1};
    struct sample sample;
    set_up_rule(&sample, BALANCE_ROUND_ROBIN, weights, 3);
    balance_start_at(&sample.balance, 4);
    assert_int_equal(choose(&sample), 1);
    assert_int_equal(choose(&sample), 2);
    balance_release(&sample.balance);
}

/* ---- by weight, at random and by the busy */

static void test_random_follows_weights(void **state)
{
    const int64_t weights[] = {3, 1};
    struct sample sample;
    set_up_rule(&sample, BALANCE_RANDOM, weights, 2);
    count_choices(&sample, 4000);
    assert_in_range(sample.counts[1], 850, 1150); /* 1000; five standard deviations are 137 */
    balance_release(&sample.balance);
}

static void test_least_requests_levels_by_weight(void **state)
{
    const int64_t weights[] = {3, 1, 1};
    struct sample sample;
    set_up_rule(&sample, BALANCE_LEAST_REQUESTS, weights, 3);
    pile_up(&sample, 50);
    assert_int_equal(sample.balance.peers[0].active, 30);
    assert_int_equal(sample.balance.peers[1].active, 10);
    assert_int_equal(sample.balance.peers[2].active, 10);
    balance_release(&sample.balance);
}

static void test_least_requests_takes_equals_in_turn(void **state)
{
    const int64_t weights[] = {1, 1, 1};
    struct sample sample;
    set_up_rule(&sample, BALANCE_LEAST_REQUESTS, weights, 3);
    count_choices(&sample, 30);
    for (int i = 0; i < 3; i++)
        assert_int_equal(sample.counts[i], 10);
    balance_release(&sample.balance);
}

static void test_two_choices_never_takes_the_busiest(void **state)
{
    const int64_t weights[] = {1, 1, 1};
    struct sample sample;
    set_up_rule(&sample, BALANCE_TWO_CHOICES, weights, 3);
    sample.balance.peers[1].active = 1;
    sample.balance.peers[2].active = 2;
    count_choices(&sample, 300);
    assert_int_equal(sample.counts[2], 0);
    assert_in_range(sample.counts[1], 50, 150); /* when the idle one is not drawn */
    balance_release(&sample.balance);
}

/* ---- by response times */

static void test_peak_ewma_avoids_the_slow(void **state)
{
    const int64_t weights[] = {1, 1};
    struct sample sample;
    set_up_rule(&sample, BALANCE_PEAK_EWMA, weights, 2);
    assert_true(balance_learns(&sample.balance));
    learn(&sample, 0, 5);
    learn(&sample, 1, 5);
    learn(&sample, 1, 800); /* one peak is enough */
    learn(&sample, 1, 5);
    count_choices(&sample, 20);
    assert_int_equal(sample.counts[1], 0);
    sample.balance.peers[0].active = 1000; /* slow is better than never */
    assert_int_equal(choose(&sample), 1);
    balance_release(&sample.balance);
}

static void test_peak_ewma_forgets(void **state)
{
    const int64_t weights[] = {1, 1};
    struct sample sample;
    set_up_rule(&sample, BALANCE_PEAK_EWMA, weights, 2);
    learn(&sample, 0, 5);
    learn(&sample, 1, 800);
    sample.now = mono_add(sample.now, duration_s(120));
    learn(&sample, 0, 5);
    assert_int_equal(choose(&sample), 1); /* its excess is long gone: less than a millisecond */
    balance_release(&sample.balance);
}

static void test_a_failure_is_not_fast(void **state)
{
    const int64_t weights[] = {1, 1};
    static const enum balance_algorithm rules[] = {BALANCE_PEAK_EWMA, BALANCE_SHORTEST_RESPONSE};
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        struct sample sample;
        set_up_rule(&sample, rules[i], weights, 2);
        balance_learn(&sample.balance, 0, duration_us(50), true, sample.now);
        learn(&sample, 1, 300);
        assert_int_equal(choose(&sample), 1);
        balance_release(&sample.balance);
    }
}

static void test_one_that_always_fails_is_slower_than_any(void **state)
{
    const int64_t weights[] = {1, 1};
    static const enum balance_algorithm rules[] = {BALANCE_PEAK_EWMA, BALANCE_SHORTEST_RESPONSE};
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        struct sample sample;
        set_up_rule(&sample, rules[i], weights, 2);
        learn(&sample, 1, 3000);
        for (int failures = 0; failures < 8; failures++)
            balance_learn(&sample.balance, 0, duration_us(50), true, sample.now);
        assert_int_equal(choose(&sample), 1);
        balance_release(&sample.balance);
    }
}

static void test_the_unknown_is_tried_once(void **state)
{
    const int64_t weights[] = {1, 1};
    static const enum balance_algorithm rules[] = {BALANCE_PEAK_EWMA, BALANCE_SHORTEST_RESPONSE};
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        struct sample sample;
        set_up_rule(&sample, rules[i], weights, 2);
        learn(&sample, 0, 20);
        assert_int_equal(choose(&sample), 1);
        sample.balance.peers[1].active = 1; /* no answer yet: no second request */
        sample.balance.peers[0].active = 50;
        assert_int_equal(choose(&sample), 0);
        balance_release(&sample.balance);
    }
}

static void test_shortest_response_weighs_time_and_requests(void **state)
{
    const int64_t weights[] = {1, 1};
    struct sample sample;
    set_up_rule(&sample, BALANCE_SHORTEST_RESPONSE, weights, 2);
    learn(&sample, 0, 10);
    learn(&sample, 0, 30); /* 20 on average */
    learn(&sample, 1, 65);
    pile_up(&sample, 3);
    assert_int_equal(sample.balance.peers[0].active, 3); /* 20, 40, 60: all below 65 */
    pile_up(&sample, 1);
    assert_int_equal(sample.balance.peers[1].active, 1); /* 65 is below 80 */
    balance_release(&sample.balance);
}

static void test_shortest_response_looks_at_a_window(void **state)
{
    const int64_t weights[] = {1, 1};
    struct sample sample;
    set_up_rule(&sample, BALANCE_SHORTEST_RESPONSE, weights, 2);
    learn(&sample, 0, 900);
    learn(&sample, 1, 40);
    assert_int_equal(choose(&sample), 1);
    sample.now = mono_add(sample.now, duration_s(31));
    learn(&sample, 0, 10); /* the 900 are forgotten */
    learn(&sample, 1, 40);
    assert_int_equal(choose(&sample), 0);
    balance_release(&sample.balance);
}

/* ---- by a key */

static void test_a_key_keeps_its_endpoint(void **state)
{
    const int64_t weights[] = {1, 1, 1, 1};
    struct sample sample;
    set_up_rule(&sample, BALANCE_CONSISTENT_HASH, weights, 4);
    for (uint64_t key = 0; key < 100; key++) {
        int first = choose_by(&sample, key);
        sample.balance.peers[first].active += 10;
        assert_int_equal(choose_by(&sample, key), first);
    }
    balance_release(&sample.balance);
}

static void test_bounded_load_passes_over(void **state)
{
    const int64_t weights[] = {1, 1, 1, 1};
    const struct balance_config config = {.rule = BALANCE_CONSISTENT_HASH, .bound = 1.25};
    struct sample sample;
    set_up(&sample, &config, weights, 4);
    for (int i = 0; i < 400; i++)
        sample.balance.peers[choose_by(&sample, 42)].active++; /* one key that everybody wants */
    int favourite = choose_by(&sample, 42), total = 0;
    for (size_t i = 0; i < 4; i++) {
        assert_in_range(sample.balance.peers[i].active, 0, 126);
        total += sample.balance.peers[i].active;
    }
    assert_int_equal(total, 400);
    balance_release(&sample.balance);
    set_up(&sample, &config, weights, 4);
    assert_int_equal(choose_by(&sample, 42), favourite); /* with room it goes home */
    balance_release(&sample.balance);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_rule_chooses_what_is_left),
        cmocka_unit_test(test_every_rule_is_fine_with_one),
        cmocka_unit_test(test_every_rule_is_fine_with_none),
        cmocka_unit_test(test_round_robin_is_smooth),
        cmocka_unit_test(test_round_robin_takes_weights_in_lowest_terms),
        cmocka_unit_test(test_round_robin_starts_where_told),
        cmocka_unit_test(test_random_follows_weights),
        cmocka_unit_test(test_least_requests_levels_by_weight),
        cmocka_unit_test(test_least_requests_takes_equals_in_turn),
        cmocka_unit_test(test_two_choices_never_takes_the_busiest),
        cmocka_unit_test(test_peak_ewma_avoids_the_slow),
        cmocka_unit_test(test_peak_ewma_forgets),
        cmocka_unit_test(test_a_failure_is_not_fast),
        cmocka_unit_test(test_one_that_always_fails_is_slower_than_any),
        cmocka_unit_test(test_the_unknown_is_tried_once),
        cmocka_unit_test(test_shortest_response_weighs_time_and_requests),
        cmocka_unit_test(test_shortest_response_looks_at_a_window),
        cmocka_unit_test(test_a_key_keeps_its_endpoint),
        cmocka_unit_test(test_bounded_load_passes_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
