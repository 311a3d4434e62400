/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "backend/config.h"

struct reading {
    struct conf_doc *doc;
    struct arena arena;
    struct backend_config config;
    struct error error;
};

static enum result begin(struct reading *reading, const char *text)
{
    *reading = (struct reading){.doc = NULL};
    enum result result =
        conf_doc_parse(&reading->doc, "b.json", text, strlen(text), &reading->error);
    if (result == OK)
        result = conf_read(reading->doc, conf_doc_root(reading->doc), &backend_conf_table,
                           &reading->config, &reading->arena, &reading->error);
    return result;
}

static void end(struct reading *reading)
{
    conf_doc_free(&reading->doc);
    arena_free(&reading->arena);
}

static void expect_error(const char *text, const char *message)
{
    struct reading reading;
    assert_int_equal(begin(&reading, text), FAILED_INPUT);
    if (!strstr(reading.error.text, message))
        fail_msg("\"%s\" does not say \"%s\"", reading.error.text, message);
    end(&reading);
}

/* A configuration whose only handler has these steps. */
static const char *with_steps(const char *steps)
{
    static char text[2048];
    snprintf(text, sizeof(text),
             "{\"resources\":{\"inventory\":{}},\n\"handlers\":{\"/\":{\"steps\":[%s]}}}", steps);
    return text;
}

static void defaults_are_those_of_a_careful_operator(void **state)
{
    struct reading reading;
    assert_int_equal(begin(&reading, with_steps("{\"respond\":{}}")), OK);
    const struct backend_config *config = &reading.config;
    assert_string_equal(config->address, "127.0.0.1:0");
    assert_string_equal(config->name, "backend");
    assert_null(config->record);
    assert_int_equal(config->cleanup, CLEANUP_INLINE);
    assert_int_equal(config->keepalive_timeout.ns, 60 * NS_PER_S);
    assert_int_equal(config->heap.live, 0);
    assert_int_equal(config->heap.object, 1024);
    const struct resource_config *resource = config->resources.items;
    assert_int_equal(resource->slots, 1);
    assert_true(dist_is_zero(&resource->release));
    const struct handler_config *handler = config->handlers.items;
    const struct step *step = handler->steps.items;
    assert_int_equal(step->kind, STEP_RESPOND);
    assert_int_equal(step->respond.status, 200);
    assert_string_equal(step->respond.fields, "");
    end(&reading);
}

static void steps_are_read_into_their_members(void **state)
{
    struct reading reading;
    assert_int_equal(
        begin(&reading,
              with_steps("{\"acquire\":\"inventory\"},{\"alloc\":\"64KiB\"},{\"open\":3},"
                         "{\"cpu\":\"2ms\"},{\"loop\":{\"times\":4,\"steps\":[{\"io\":\"1ms\"}]}},"
                         "{\"fail\":{\"how\":\"reset\",\"share\":\"10%\"}},{\"fail\":\"hang\"},"
                         "{\"respond\":{\"headers\":{\"X-A\":\"1\",\"X-B\":\"2\"}}}")),
        OK);
    const struct handler_config *handler = reading.config.handlers.items;
    const struct step *steps = handler->steps.items;
    assert_int_equal(handler->steps.count, 8);
    assert_int_equal(steps[0].kind, STEP_ACQUIRE);
    assert_int_equal(steps[0].resource.index, 0);
    assert_int_equal(steps[1].alloc, 65536);
    assert_int_equal(steps[2].open, 3);
    assert_int_equal(steps[3].kind, STEP_CPU);
    assert_true(steps[3].time.a == 2e6);
    assert_int_equal(steps[4].loop.times, 4);
    assert_int_equal(((const struct step *)steps[4].loop.steps.items)->kind, STEP_IO);
    assert_int_equal(steps[5].fail.how, SERVE_FAULT_RESET);
    assert_true(steps[5].fail.share == 0.1);
    assert_int_equal(steps[6].fail.how, SERVE_FAULT_HANG);
    assert_true(steps[6].fail.share == 1);
    assert_string_equal(steps[7].respond.fields, "X-A: 1\r\nX-B: 2\r\n");
    end(&reading);
}

static void resources_in_steps_are_resolved(void **state)
{
    expect_error(with_steps("{\"acquire\":\"inventry\"}"),
                 "b.json:2:38: no resource is named \"inventry\" (nearest: \"inventory\")");
    expect_error(with_steps("{\"release\":\"x\"}"), "no resource is named \"x\"");
    expect_error(with_steps("{\"loop\":{\"times\":2,\"steps\":[{\"acquire\":\"x\"}]}}"),
                 "no resource is named \"x\"");
}

static void what_is_released_has_been_acquired(void **state)
{
    static const char *const rightly[] = {
        "{\"acquire\":\"inventory\"},{\"respond\":{}},{\"release\":\"inventory\"}",
        "{\"acquire\":\"inventory\"},{\"release\":\"inventory\"},{\"acquire\":\"inventory\"},"
        "{\"release\":\"inventory\"}",
        "{\"loop\":{\"times\":2,\"steps\":[{\"acquire\":\"inventory\"}]}},"
        "{\"release\":\"inventory\"},{\"release\":\"inventory\"}",
        "{\"acquire\":\"inventory\"},{\"loop\":{\"times\":1,\"steps\":[{\"release\":\"inventory\"}]"
        "}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(rightly); i++) {
        struct reading reading;
        assert_int_equal(begin(&reading, with_steps(rightly[i])), OK);
        end(&reading);
    }
    expect_error(with_steps("{\"io\":\"1ms\"},\n{\"release\":\"inventory\"}"),
                 "b.json:3:12: \"inventory\" cannot be released: no step before this one");
    expect_error(with_steps("{\"release\":\"inventory\"},{\"acquire\":\"inventory\"}"),
                 "no step before this one");
    expect_error(with_steps("{\"acquire\":\"inventory\"},{\"release\":\"inventory\"},\n"
                            "{\"release\":\"inventory\"}"),
                 "b.json:3:12: what was acquired of \"inventory\" has been released already");
    expect_error(with_steps("{\"loop\":{\"times\":2,\"steps\":[{\"release\":\"inventory\"}]}}"),
                 "no step before this one");
}

static void a_request_has_one_response(void **state)
{
    expect_error(with_steps("{\"respond\":{}},{\"respond\":{}}"), "has responded already");
    expect_error(with_steps("{\"respond\":{}},{\"fail\":\"close\"}"), "has responded already");
    expect_error(with_steps("{\"loop\":{\"times\":2,\"steps\":[{\"respond\":{}}]}}"),
                 "cannot stand in a loop");
}

static void what_cannot_be_sent_is_refused(void **state)
{
    expect_error(with_steps("{\"respond\":{\"headers\":{\"a b\":\"x\"}}}"),
                 "cannot be the name of a header field");
    expect_error(with_steps("{\"respond\":{\"headers\":{\"a\":\"x\\r\\ny: z\"}}}"),
                 "control character");
    expect_error(with_steps("{\"respond\":{\"headers\":{\"Content-Length\":\"1\"}}}"),
                 "set by the server itself");
    expect_error(with_steps("{\"respond\":{\"status\":101}}"), "status");
}

static void wrong_steps_name_what_is_known(void **state)
{
    expect_error(with_steps("{\"aquire\":\"inventory\"}"), "nearest known key \"acquire\"");
    expect_error(with_steps("{\"cpu\":\"1ms\",\"io\":\"1ms\"}"), "expected only one");
    expect_error(with_steps("{\"fail\":\"explode\"}"), "explode");
    expect_error("{\"handlers\":{}}", "handlers");
    expect_error("{\"handlers\":{\"x\":{\"steps\":[]}}}", "does not start with a slash");
    expect_error("{\"handlers\":{\"/\":{\"steps\":[]}},\"cleanup\":\"poold\"}", "pooled");
    expect_error("{\"handlers\":{\"/\":{\"steps\":[]}},\"pauses\":[{\"every\":\"1s\"}]}",
                 "duration");
}

static const char *nested_loops(int depth)
{
    static char steps[1024];
    steps[0] = '\0';
    for (int i = 0; i < depth; i++)
        strcat(steps, "{\"loop\":{\"times\":1,\"steps\":[");
    for (int i = 0; i < depth; i++)
        strcat(steps, "]}}");
    return steps;
}

static void loops_are_nested_so_deep_at_most(void **state)
{
    struct reading reading;
    assert_int_equal(begin(&reading, with_steps(nested_loops(LOOP_DEPTH))), OK);
    end(&reading);
    expect_error(with_steps(nested_loops(LOOP_DEPTH + 1)), "nested");
}

static void pauses_without_a_name_get_one(void **state)
{
    struct reading reading;
    assert_int_equal(begin(&reading,
                           "{\"handlers\":{\"/\":{\"steps\":[]}},\"pauses\":["
                           "{\"duration\":\"1ms\"},{\"name\":\"gc\",\"duration\":\"1ms\"},"
                           "{\"duration\":\"1ms\"}]}"),
                     OK);
    const struct pause_config *pauses = reading.config.pauses.items;
    assert_string_equal(pauses[0].name, "pause-0");
    assert_string_equal(pauses[1].name, "gc");
    assert_string_equal(pauses[2].name, "pause-2");
    end(&reading);
}

static void expect_handler(const struct backend_config *config, const char *path,
                           const char *expected)
{
    const struct handler_config *handler = backend_config_handler(config, path, strlen(path));
    if (expected)
        assert_string_equal(handler->path, expected);
    else
        assert_null(handler);
}

static void handlers_match_exactly_or_by_the_longest_prefix(void **state)
{
    struct reading reading;
    assert_int_equal(begin(&reading, "{\"handlers\":{\"/a\":{\"steps\":[]},\"/a/\":{\"steps\":[]},"
                                     "\"/a/b/\":{\"steps\":[]}}}"),
                     OK);
    expect_handler(&reading.config, "/a", "/a");
    expect_handler(&reading.config, "/a/", "/a/");
    expect_handler(&reading.config, "/a/x", "/a/");
    expect_handler(&reading.config, "/a/b/c", "/a/b/");
    expect_handler(&reading.config, "/ab", NULL);
    expect_handler(&reading.config, "/", NULL);
    end(&reading);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_a_careful_operator),
        cmocka_unit_test(steps_are_read_into_their_members),
        cmocka_unit_test(resources_in_steps_are_resolved),
        cmocka_unit_test(what_is_released_has_been_acquired),
        cmocka_unit_test(a_request_has_one_response),
        cmocka_unit_test(what_cannot_be_sent_is_refused),
        cmocka_unit_test(wrong_steps_name_what_is_known),
        cmocka_unit_test(loops_are_nested_so_deep_at_most),
        cmocka_unit_test(pauses_without_a_name_get_one),
        cmocka_unit_test(handlers_match_exactly_or_by_the_longest_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
