/* SPDX-License-Identifier: MIT */
/* Values of every type arrive in the struct, and so do defaults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tests/unit/conf/sample.h"

static void begin(struct sample_reading *reading, const char *text)
{
    enum result result = sample_begin(reading, text, strlen(text));
    if (result != OK)
        fail_msg("%s", reading->error.text);
}

static void defaults_are_read(void **state)
{
    struct sample_reading reading;
    const struct sample *sample = &reading.sample;
    begin(&reading, "{}");
    assert_true(sample->enabled);
    assert_int_equal(sample->workers, 2);
    assert_int_equal(sample->seed, 0);
    assert_true(sample->factor == 0.5);
    assert_null(sample->label);
    assert_int_equal(sample->period.ns, 250 * NS_PER_MS);
    assert_int_equal(sample->body, 65536);
    assert_true(sample->rate == 1);
    assert_true(sample->budget == 0.2);
    assert_int_equal(sample->delay.kind, DIST_UNIFORM);
    assert_string_equal(sample->admin, "127.0.0.1:9901");
    assert_int_equal(sample->cleanup, SAMPLE_POOLED);
    assert_int_equal(sample->on, 1 | 4);
    sample_end(&reading);
}

static void defaults_of_objects_and_lists_are_read(void **state)
{
    struct sample_reading reading;
    const struct sample *sample = &reading.sample;
    begin(&reading, "{}");
    assert_int_equal(sample->timeout.connect.ns, 3 * NS_PER_S);
    assert_int_equal(sample->own_timeout.connect.ns, NS_PER_S);
    assert_null(sample->server.address);
    assert_int_equal(sample->server.weight, 0);
    assert_null(sample->server.item);
    const int64_t *ports = sample->ports.items;
    assert_int_equal(sample->ports.count, 2);
    assert_int_equal(ports[0], 80);
    assert_int_equal(ports[1], 443);
    assert_int_equal(sample->tags.count, 0);
    assert_null(sample->tags.items);
    assert_int_equal(sample->upstreams.count, 0);
    assert_non_null(conf_member(sample->raw, "a"));
    sample_end(&reading);
}

static void scalars_are_read(void **state)
{
    struct sample_reading reading;
    const struct sample *sample = &reading.sample;
    begin(&reading, "{\"enabled\": false, \"workers\": 64, \"seed\": -9007199254740992,"
                    " \"factor\": 1, \"label\": \"\\u00e4\\n\", \"period\": \"1.5s\","
                    " \"body\": 1000, \"rate\": \"1800/h\", \"budget\": \"0.5%\","
                    " \"delay\": \"5ms\", \"admin\": \"[::1]:0\", \"cleanup\": \"deferred\","
                    " \"on\": [\"reset\", \"reset\"], \"raw\": null}");
    assert_false(sample->enabled);
    assert_int_equal(sample->workers, 64);
    assert_true(sample->seed == -INT64_C(9007199254740992));
    assert_true(sample->factor == 1);
    assert_string_equal(sample->label, "\xc3\xa4\n");
    assert_int_equal(sample->period.ns, 1500 * NS_PER_MS);
    assert_int_equal(sample->body, 1000);
    assert_true(sample->rate == 0.5);
    assert_true(sample->budget == 0.005);
    assert_int_equal(sample->delay.kind, DIST_CONSTANT);
    assert_string_equal(sample->admin, "[::1]:0");
    assert_int_equal(sample->cleanup, SAMPLE_DEFERRED);
    assert_int_equal(sample->on, 2);
    assert_non_null(sample->raw);
    sample_end(&reading);
}

static void whole_numbers_may_be_written_with_exponents(void **state)
{
    struct sample_reading reading;
    begin(&reading, "{\"seed\": 1.5e3, \"workers\": 4.0, \"on\": []}");
    assert_int_equal(reading.sample.seed, 1500);
    assert_int_equal(reading.sample.workers, 4);
    assert_int_equal(reading.sample.on, 0);
    sample_end(&reading);
}

static void addresses_are_checked_for_form(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } cases[] = {
        {"127.0.0.1:0", true},  {"127.0.0.1:65535", true}, {"127.0.0.1:65536", false},
        {"localhost:80", true}, {"[::1]:80", true},        {"[::ffff:1.2.3.4]:1", true},
        {"::1:80", false},      {"[::1]", false},          {"[]:1", false},
        {"unix:/run/x", true},  {"unix:x", false},         {"unix:/", false},
        {"127.0.0.1", false},   {"127.0.0.1:", false},     {":80", false},
        {"1.2.3:80", false},    {"1.2.3.4:8o", false},     {"1.2.3.4:-1", false},
        {"1.2.3.4: 1", false},  {"example.com:80", false}, {"", false},
        {"[::1:80", false},     {"@orders", false},        {"1.2.3.4:000080", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sample_reading reading;
        char text[128];
        int length = snprintf(text, sizeof(text), "{\"admin\": \"%s\"}", cases[i].text);
        enum result result = sample_begin(&reading, text, (size_t)length);
        if ((result == OK) != cases[i].good)
            fail_msg("%s: %s", cases[i].text, reading.error.text);
        sample_end(&reading);
    }
}

static void socket_paths_have_a_length(void **state)
{
    struct sample_reading reading;
    char text[256];
    int length = snprintf(text, sizeof(text), "{\"admin\": \"unix:/%0106d\"}", 0);
    assert_int_equal(sample_begin(&reading, text, (size_t)length), OK);
    sample_end(&reading);
    length = snprintf(text, sizeof(text), "{\"admin\": \"unix:/%0107d\"}", 0);
    assert_int_equal(sample_begin(&reading, text, (size_t)length), FAILED_INPUT);
    sample_end(&reading);
}

static void maps_keep_the_order_of_the_file(void **state)
{
    struct sample_reading reading;
    begin(&reading,
          "{\"upstreams\": {\"z\": {\"endpoints\": [\"127.0.0.1:1\"]},"
          " \"a\": {\"endpoints\": [\"127.0.0.1:2\", {\"weight\": 2,"
          " \"address\": \"127.0.0.1:3\"}]}, \"m\": {\"endpoints\": [\"127.0.0.1:4\"]}}}");
    const struct sample_upstream *upstreams = reading.sample.upstreams.items;
    assert_int_equal(reading.sample.upstreams.count, 3);
    assert_string_equal(upstreams[0].name, "z");
    assert_string_equal(upstreams[1].name, "a");
    assert_string_equal(upstreams[2].name, "m");
    assert_int_equal(upstreams[1].endpoints.count, 2);
    sample_end(&reading);
}

static void a_bare_string_is_a_shorthand(void **state)
{
    struct sample_reading reading;
    begin(&reading, "{\"upstreams\": {\"a\": {\"endpoints\": [\"127.0.0.1:2\","
                    " {\"weight\": 2, \"address\": \"127.0.0.1:3\"}]}},"
                    " \"server\": \"localhost:5\"}");
    const struct sample_upstream *upstreams = reading.sample.upstreams.items;
    const struct sample_endpoint *endpoints = upstreams[0].endpoints.items;
    assert_string_equal(endpoints[0].address, "127.0.0.1:2");
    assert_int_equal(endpoints[0].weight, 1);
    assert_string_equal(endpoints[1].address, "127.0.0.1:3");
    assert_int_equal(endpoints[1].weight, 2);
    assert_string_equal(reading.sample.server.address, "localhost:5");
    assert_ptr_equal(endpoints[1].item,
                     conf_pointer(conf_doc_root(reading.doc), "/upstreams/a/endpoints/1"));
    sample_end(&reading);
}

static void one_key_says_which(void **state)
{
    struct sample_reading reading;
    begin(&reading, "{\"steps\": [{\"acquire\": \"lock\"}, {\"loop\": [{\"io\": \"1ms\"},"
                    " {\"loop\": [{\"acquire\": \"x\"}]}]}, {\"io\": \"0\"}]}");
    const struct sample_step *steps = reading.sample.steps.items;
    assert_int_equal(reading.sample.steps.count, 3);
    assert_int_equal(steps[0].which, SAMPLE_STEP_ACQUIRE);
    assert_string_equal(steps[0].acquire, "lock");
    assert_int_equal(steps[1].which, SAMPLE_STEP_LOOP);
    assert_null(steps[1].acquire);
    const struct sample_step *inner = steps[1].loop.items;
    assert_int_equal(inner[0].which, SAMPLE_STEP_IO);
    const struct sample_step *innermost = inner[1].loop.items;
    assert_string_equal(innermost[0].acquire, "x");
    assert_int_equal(steps[2].which, SAMPLE_STEP_IO);
    assert_true(dist_is_zero(&steps[2].io));
    sample_end(&reading);
}

static void lists_of_scalars_are_read(void **state)
{
    struct sample_reading reading;
    begin(&reading, "{\"ports\": [], \"tags\": [\"a\", \"b\"]}");
    const char *const *tags = reading.sample.tags.items;
    assert_int_equal(reading.sample.ports.count, 0);
    assert_int_equal(reading.sample.tags.count, 2);
    assert_string_equal(tags[0], "a");
    assert_string_equal(tags[1], "b");
    sample_end(&reading);
}

static void a_check_may_use_the_arena(void **state)
{
    struct sample_reading reading;
    begin(&reading, "{\"label\": \"arena\"}");
    assert_string_equal(reading.sample.label, "from the hook");
    sample_end(&reading);
}

static void the_outermost_object_may_name_its_schema(void **state)
{
    struct sample_reading reading;
    begin(&reading, "{\"$schema\": \"https://example.org/x\", \"workers\": 3}");
    assert_int_equal(reading.sample.workers, 3);
    sample_end(&reading);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_read),
        cmocka_unit_test(defaults_of_objects_and_lists_are_read),
        cmocka_unit_test(scalars_are_read),
        cmocka_unit_test(whole_numbers_may_be_written_with_exponents),
        cmocka_unit_test(addresses_are_checked_for_form),
        cmocka_unit_test(socket_paths_have_a_length),
        cmocka_unit_test(maps_keep_the_order_of_the_file),
        cmocka_unit_test(a_bare_string_is_a_shorthand),
        cmocka_unit_test(one_key_says_which),
        cmocka_unit_test(lists_of_scalars_are_read),
        cmocka_unit_test(a_check_may_use_the_arena),
        cmocka_unit_test(the_outermost_object_may_name_its_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
