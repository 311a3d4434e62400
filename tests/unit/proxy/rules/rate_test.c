/* SPDX-License-Identifier: MIT */
/* Rate limits: bursts, even spacing, warming up, and the table of buckets by key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "lib/base/result.h"
#include "proxy/rules/episode.h"
#include "proxy/rules/rate_table.h"

static const mono START = {1000 * NS_PER_S};

static mono at_ms(int64_t ms)
{
    return mono_add(START, duration_ms(ms));
}

static struct rate_rule rule_of(const struct rate_terms *terms)
{
    struct rate_rule rule;
    rate_rule_init(&rule, terms);
    return rule;
}

/* How many of requests that come every `every` are admitted without a wait in [from, to) ms. */
static int admitted(const struct rate_rule *rule, struct rate_bucket *bucket, int64_t from,
                    int64_t to, int64_t every)
{
    int count = 0;
    for (int64_t ms = from; ms < to; ms += every)
        count += rate_take(rule, bucket, at_ms(ms)).result == RATE_ADMITTED;
    return count;
}

static void test_a_burst_and_then_the_rate(void **state)
{
    struct rate_rule rule = rule_of(&(struct rate_terms){.rate = 100, .cold = 1, .burst = 5});
    struct rate_bucket bucket = {0};
    for (int i = 0; i < 5; i++)
        assert_int_equal(rate_take(&rule, &bucket, START).result, RATE_ADMITTED);
    struct rate_verdict refused = rate_take(&rule, &bucket, START);
    assert_int_equal(refused.result, RATE_FULL);
    assert_int_equal(refused.wait.ns, duration_ms(10).ns);
    assert_int_equal(rate_take(&rule, &bucket, at_ms(9)).result, RATE_FULL);
    assert_int_equal(rate_take(&rule, &bucket, at_ms(10)).result, RATE_ADMITTED);
    assert_int_equal(rate_take(&rule, &bucket, at_ms(10)).result, RATE_FULL);
    /* However long it was quiet, no more than the burst. */
    assert_int_equal(admitted(&rule, &bucket, 5000, 6000, 1), 5 + 99);
}

static void test_a_refusal_costs_nothing(void **state)
{
    struct rate_rule rule = rule_of(&(struct rate_terms){.rate = 10, .cold = 1, .burst = 1});
    struct rate_bucket bucket = {0};
    assert_int_equal(admitted(&rule, &bucket, 0, 10000, 1), 100);
}

static void test_a_queue_is_spaced_evenly(void **state)
{
    struct rate_rule rule = rule_of(&(struct rate_terms){
        .rate = 100, .cold = 1, .burst = 1, .queue = 3, .max_wait = duration_s(1)});
    struct rate_bucket bucket = {0};
    for (int i = 0; i <= 3; i++) {
        struct rate_verdict verdict = rate_take(&rule, &bucket, START);
        assert_int_equal(verdict.result, RATE_ADMITTED);
        assert_int_equal(verdict.wait.ns, duration_ms(10 * i).ns);
    }
    struct rate_verdict refused = rate_take(&rule, &bucket, START);
    assert_int_equal(refused.result, RATE_FULL);
    assert_int_equal(refused.wait.ns, duration_ms(10).ns);
    assert_int_equal(rate_take(&rule, &bucket, at_ms(10)).wait.ns, duration_ms(30).ns);
}

static void test_who_would_wait_too_long_is_told_at_once(void **state)
{
    struct rate_rule rule = rule_of(&(struct rate_terms){
        .rate = 100, .cold = 1, .burst = 1, .queue = 100, .max_wait = duration_ms(25)});
    struct rate_bucket bucket = {0};
    assert_int_equal(admitted(&rule, &bucket, 0, 1, 1), 1);
    assert_int_equal(rate_take(&rule, &bucket, START).wait.ns, duration_ms(10).ns);
    assert_int_equal(rate_take(&rule, &bucket, START).wait.ns, duration_ms(20).ns);
    struct rate_verdict refused = rate_take(&rule, &bucket, START);
    assert_int_equal(refused.result, RATE_WAIT_LIMIT);
    assert_int_equal(refused.wait.ns, duration_ms(5).ns);
}

/* ---- warming up: from 20/s to 100/s in 10 s */

static struct rate_rule warming(void)
{
    return rule_of(
        &(struct rate_terms){.rate = 100, .cold = 0.2, .burst = 1, .warm_up = duration_s(10)});
}

static void test_the_rate_rises_under_load(void **state)
{
    struct rate_rule rule = warming();
    struct rate_bucket bucket = {0};
    int before = 0;
    for (int64_t second = 0; second < 10; second++) {
        int count = admitted(&rule, &bucket, second * 1000, (second + 1) * 1000, 1);
        assert_in_range(count, before, 100);
        before = count;
        if (second == 0)
            assert_in_range(count, 19, 24);
    }
    assert_in_range(admitted(&rule, &bucket, 10000, 20000, 1), 850, 1000);
}

static void test_it_cools_down_without_load(void **state)
{
    struct rate_rule rule = warming();
    struct rate_bucket bucket = {0};
    admitted(&rule, &bucket, 0, 20000, 1);
    assert_false(rate_is_fresh(&rule, &bucket, at_ms(21000)));
    assert_true(rate_is_fresh(&rule, &bucket, at_ms(40000)));
    assert_in_range(admitted(&rule, &bucket, 40000, 41000, 1), 19, 24);
}

static void test_little_load_keeps_it_cold(void **state)
{
    struct rate_rule rule = warming();
    struct rate_bucket bucket = {0};
    admitted(&rule, &bucket, 0, 20000, 200);
    assert_in_range(admitted(&rule, &bucket, 20000, 21000, 1), 19, 28);
}

/* ---- keys */

static void test_keys_have_buckets_of_their_own(void **state)
{
    struct rate_rule rule = rule_of(&(struct rate_terms){.rate = 1, .cold = 1, .burst = 1});
    struct rate_table table;
    rate_table_init(&table, 100);
    for (uint64_t key = 0; key < 100; key++) {
        struct rate_bucket *bucket = rate_table_find(&table, &rule, key * 7919, START);
        assert_ptr_not_equal(bucket, &table.rest);
        assert_int_equal(rate_take(&rule, bucket, START).result, RATE_ADMITTED);
    }
    for (uint64_t key = 0; key < 100; key++)
        assert_int_equal(
            rate_take(&rule, rate_table_find(&table, &rule, key * 7919, START), START).result,
            RATE_FULL);
    rate_table_release(&table);
}

static void test_keys_beyond_the_table_share_until_places_come_free(void **state)
{
    struct rate_rule rule = rule_of(&(struct rate_terms){.rate = 1, .cold = 1, .burst = 1});
    struct rate_table table;
    rate_table_init(&table, 1);
    for (uint64_t key = 1; key <= 2; key++) {
        struct rate_bucket *bucket = rate_table_find(&table, &rule, key, START);
        assert_ptr_not_equal(bucket, &table.rest);
        assert_int_equal(rate_take(&rule, bucket, START).result, RATE_ADMITTED);
    }
    assert_ptr_equal(rate_table_find(&table, &rule, 3, at_ms(999)), &table.rest);
    assert_ptr_not_equal(rate_table_find(&table, &rule, 3, at_ms(1000)), &table.rest);
    rate_table_release(&table);
}

/* ---- across threads */

enum { THREADS = 4, TAKES = 20000 };

struct taker {
    const struct rate_rule *rule;
    struct rate_bucket *bucket;
    int admitted;
};

static void *take_many(void *arg)
{
    struct taker *taker = arg;
    for (int i = 0; i < TAKES; i++)
        taker->admitted += rate_take(taker->rule, taker->bucket, START).result == RATE_ADMITTED;
    return NULL;
}

static void test_threads_together_get_the_burst(void **state)
{
    struct rate_rule rule = rule_of(&(struct rate_terms){.rate = 1000, .cold = 1, .burst = 30000});
    struct rate_bucket bucket = {0};
    struct taker takers[THREADS];
    pthread_t threads[THREADS];
    int total = 0;
    for (int i = 0; i < THREADS; i++) {
        takers[i] = (struct taker){&rule, &bucket, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, take_many, &takers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        total += takers[i].admitted;
    }
    assert_int_equal(total, 30000);
}

static void test_an_episode_is_over_a_second_after_its_last_event(void **state)
{
    struct episode episode = {0};
    mono latest;
    uint64_t events = 0;
    assert_false(episode_over(&episode, START, &latest, &events));
    assert_true(episode_event(&episode, START));
    assert_false(episode_event(&episode, at_ms(900)));
    assert_false(episode_over(&episode, at_ms(1899), &latest, &events));
    assert_true(episode_over(&episode, at_ms(1900), &latest, &events));
    assert_int_equal(latest.ns, at_ms(900).ns);
    assert_int_equal(events, 2);
    assert_false(episode_over(&episode, at_ms(5000), &latest, &events));
    episode_goes_on(&episode, at_ms(5000)); /* there is none */
    assert_true(episode_event(&episode, at_ms(5000)));
    episode_goes_on(&episode, at_ms(5500));
    assert_false(episode_over(&episode, at_ms(6400), &latest, &events));
    assert_true(episode_over(&episode, at_ms(6500), &latest, &events));
    assert_int_equal(latest.ns, at_ms(5500).ns);
    assert_int_equal(events, 1);
}

/* ---- another rule */

static void take(const struct rate_rule *rule, struct rate_bucket *bucket, int count)
{
    for (int i = 0; i < count; i++)
        assert_int_equal(rate_take(rule, bucket, START).result, RATE_ADMITTED);
}

static int left(const struct rate_rule *rule, struct rate_bucket *bucket)
{
    int count = 0;
    while (rate_take(rule, bucket, START).result == RATE_ADMITTED)
        count++;
    return count;
}

static void test_what_is_left_is_carried_over(void **state)
{
    static const struct {
        double rate, burst, new_rate, new_burst;
        int taken, left;
    } rows[] = {
        {10, 10, 10, 20, 4, 6},  {10, 10, 1, 20, 10, 0}, {10, 10, 1000, 5, 0, 5},
        {10, 10, 1000, 5, 4, 5}, {10, 10, 0.1, 5, 7, 3}, {0.1, 1, 100, 50, 1, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rate_rule from =
            rule_of(&(struct rate_terms){.rate = rows[i].rate, .cold = 1, .burst = rows[i].burst});
        struct rate_rule to = rule_of(
            &(struct rate_terms){.rate = rows[i].new_rate, .cold = 1, .burst = rows[i].new_burst});
        struct rate_bucket before = {0}, after = {0};
        take(&from, &before, rows[i].taken);
        rate_carry(&from, &before, &to, &after, START);
        assert_int_equal(left(&to, &after), rows[i].left);
    }
}

static void test_who_waits_is_carried_over(void **state)
{
    struct rate_rule from = rule_of(&(struct rate_terms){
        .rate = 10, .cold = 1, .burst = 1, .queue = 5, .max_wait = duration_s(10)});
    struct rate_rule to = rule_of(&(struct rate_terms){.rate = 10, .cold = 1, .burst = 2});
    struct rate_bucket before = {0}, after = {0};
    take(&from, &before, 4); /* three of them wait, for 300 ms in all */
    rate_carry(&from, &before, &to, &after, START);
    assert_int_equal(admitted(&to, &after, 0, 400, 1), 0);
    assert_int_equal(rate_take(&to, &after, at_ms(400)).result, RATE_ADMITTED);
}

static void test_a_cold_bucket_stays_cold(void **state)
{
    struct rate_rule rule = rule_of(
        &(struct rate_terms){.rate = 100, .cold = 0.1, .burst = 1, .warm_up = duration_s(10)});
    struct rate_rule faster = rule_of(
        &(struct rate_terms){.rate = 200, .cold = 0.1, .burst = 1, .warm_up = duration_s(10)});
    struct rate_bucket before = {0}, after = {0};
    rate_carry(&rule, &before, &faster, &after, START);
    assert_in_range(admitted(&faster, &after, 0, 1000, 1), 15, 45);
}

static void test_keys_are_carried_over(void **state)
{
    struct rate_rule rule = rule_of(&(struct rate_terms){.rate = 10, .cold = 1, .burst = 3});
    struct rate_table from, to;
    rate_table_init(&from, 8);
    rate_table_init(&to, 100);
    for (uint64_t key = 1; key <= 3; key++)
        take(&rule, rate_table_find(&from, &rule, key, START), (int)key);
    rate_table_carry(&rule, &from, &rule, &to, START);
    for (uint64_t key = 1; key <= 4; key++)
        assert_int_equal(left(&rule, rate_table_find(&to, &rule, key, START)),
                         key == 4 ? 3 : 3 - (int)key);
    rate_table_release(&from);
    rate_table_release(&to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_left_is_carried_over),
        cmocka_unit_test(test_who_waits_is_carried_over),
        cmocka_unit_test(test_a_cold_bucket_stays_cold),
        cmocka_unit_test(test_keys_are_carried_over),
        cmocka_unit_test(test_a_burst_and_then_the_rate),
        cmocka_unit_test(test_a_refusal_costs_nothing),
        cmocka_unit_test(test_a_queue_is_spaced_evenly),
        cmocka_unit_test(test_who_would_wait_too_long_is_told_at_once),
        cmocka_unit_test(test_the_rate_rises_under_load),
        cmocka_unit_test(test_it_cools_down_without_load),
        cmocka_unit_test(test_little_load_keeps_it_cold),
        cmocka_unit_test(test_keys_have_buckets_of_their_own),
        cmocka_unit_test(test_keys_beyond_the_table_share_until_places_come_free),
        cmocka_unit_test(test_threads_together_get_the_burst),
        cmocka_unit_test(test_an_episode_is_over_a_second_after_its_last_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
