/* SPDX-License-Identifier: MIT */
/* When a fault is on and whom it touches, under a clock that the test moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#include "chaos/fault/live.h"

static mono at_ms(int64_t ms)
{
    return (mono){NS_PER_S + ms * NS_PER_MS};
}

static struct fault *make(const char *json)
{
    struct fault *fault = NULL;
    struct error error;
    cJSON *item = cJSON_Parse(json);
    if (fault_make(&fault, item, "test", &error) != OK)
        fail_msg("%s: %s", json, error.text);
    cJSON_Delete(item);
    return fault;
}

static struct live_fault *begin(const char *json)
{
    struct live_fault *live = live_new(make(json), "link", 7);
    live_start(live, at_ms(0));
    live_turn(live, at_ms(0));
    return live;
}

static bool on_at(struct live_fault *live, int64_t ms)
{
    live_turn(live, at_ms(ms));
    return live->on;
}

static void assert_next(const struct live_fault *live, int64_t now, int64_t ms)
{
    assert_int_equal(live_next(live, at_ms(now)).ns, at_ms(ms).ns);
}

static void assert_no_next(const struct live_fault *live, int64_t now)
{
    assert_int_equal(live_next(live, at_ms(now)).ns, INT64_MAX);
}

static void without_times_it_is_always_on(void **state)
{
    struct live_fault *live = begin("{\"kind\":\"noop\"}");
    assert_true(on_at(live, 0));
    assert_no_next(live, 0);
    assert_true(on_at(live, INT64_C(1000) * 3600 * 24));
    assert_true(live_touches_all(live, at_ms(0)));
    live_free(live);
}

static void before_the_epoch_it_is_off(void **state)
{
    struct live_fault *live = live_new(make("{\"kind\":\"noop\"}"), "link", 7);
    assert_false(on_at(live, 5));
    assert_no_next(live, 5);
    live_free(live);
}

static void it_begins_and_ends(void **state)
{
    struct live_fault *live = begin("{\"kind\":\"noop\",\"from\":\"1s\",\"until\":\"3s\"}");
    assert_false(on_at(live, 999));
    assert_next(live, 999, 1000);
    assert_true(on_at(live, 1000));
    assert_next(live, 1000, 3000);
    assert_true(on_at(live, 2999));
    assert_false(on_at(live, 3000));
    assert_no_next(live, 3000);
    live_free(live);
}

static void it_comes_again_as_often_as_it_is_told(void **state)
{
    struct live_fault *live =
        begin("{\"kind\":\"noop\",\"every\":\"200ms\",\"lasting\":\"50ms\",\"count\":3}");
    for (int i = 0; i < 3; i++) {
        assert_true(on_at(live, i * 200));
        assert_next(live, i * 200, i * 200 + 50);
        assert_true(on_at(live, i * 200 + 49));
        assert_false(on_at(live, i * 200 + 50));
        if (i < 2)
            assert_next(live, i * 200 + 50, i * 200 + 200);
    }
    assert_no_next(live, 450);
    assert_false(on_at(live, 600));
    live_free(live);
}

/* Who looks late finds what is on then, however much was missed. */
static void a_late_look_catches_up(void **state)
{
    struct live_fault *live = begin("{\"kind\":\"noop\",\"every\":\"200ms\",\"lasting\":\"50ms\"}");
    assert_true(on_at(live, 200 * 1000 + 10));
    assert_int_equal(live->occurrence.ordinal, 1000);
    live_free(live);
}

static void catching_up_ends(void **state)
{
    struct live_fault *live =
        begin("{\"kind\":\"noop\",\"every\":\"uniform(1ns,3ns)\",\"lasting\":\"1ns\"}");
    assert_false(on_at(live, INT64_C(1000) * 3600));
    live_free(live);
}

static void it_ends_by_itself(void **state)
{
    struct live_fault *live = begin("{\"kind\":\"noop\",\"ttl\":\"1s\"}");
    assert_next(live, 0, 1000);
    live_change(live, make("{\"kind\":\"noop\",\"ttl\":\"3s\"}"), at_ms(500));
    assert_next(live, 500, 3500);
    live_free(live);
}

static int touched(struct live_fault *live, int64_t ms)
{
    int count = 0;
    live_turn(live, at_ms(ms));
    for (uint64_t i = 0; i < 10000; i++)
        count += live_touches(live, i, false, at_ms(ms));
    return count;
}

static void a_ramp_grows_evenly(void **state)
{
    struct live_fault *live =
        begin("{\"kind\":\"noop\",\"ramp\":\"10s\",\"share\":\"50%\",\"from\":\"1s\"}");
    assert_int_equal(touched(live, 999), 0);
    assert_int_equal(touched(live, 1000), 0);
    assert_next(live, 1000, 1200);
    assert_in_range(touched(live, 6000), 2200, 2800);
    assert_in_range(touched(live, 11000), 4700, 5300);
    assert_no_next(live, 11000);
    live_free(live);
}

static void only_so_many_are_touched(void **state)
{
    struct live_fault *live = begin("{\"kind\":\"noop\",\"first\":3,\"max_active\":2}");
    assert_true(live_touches(live, 2, false, at_ms(0)));
    assert_false(live_touches(live, 3, false, at_ms(0)));
    live->active = 2;
    assert_false(live_touches(live, 2, false, at_ms(0)));
    assert_true(live_touches(live, 2, true, at_ms(0)));
    assert_false(live_touches_all(live, at_ms(0)));
    live_free(live);
}

static void requests_are_drawn_by_key_and_counted_apart(void **state)
{
    struct live_fault *live = begin("{\"kind\":\"abort\",\"first\":2,\"share\":\"50%\"}");
    unsigned count = 0;
    assert_true(live_is_per_request(live));
    for (uint64_t key = 0; key < 100; key++) {
        const struct live_draw draw = {.key = key << 40, .traced = key % 2 == 0};
        bool touches = live_touches_request(live, &draw, 1, at_ms(0));
        assert_true(touches == live_touches_request(live, &draw, 0, at_ms(0)));
        assert_false(live_touches_request(live, &draw, 2, at_ms(0)));
        count += touches;
    }
    assert_in_range(count, 30, 70);
    live_free(live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_times_it_is_always_on),
        cmocka_unit_test(before_the_epoch_it_is_off),
        cmocka_unit_test(it_begins_and_ends),
        cmocka_unit_test(it_comes_again_as_often_as_it_is_told),
        cmocka_unit_test(a_late_look_catches_up),
        cmocka_unit_test(catching_up_ends),
        cmocka_unit_test(it_ends_by_itself),
        cmocka_unit_test(a_ramp_grows_evenly),
        cmocka_unit_test(only_so_many_are_touched),
        cmocka_unit_test(requests_are_drawn_by_key_and_counted_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
