/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <cjson/cJSON.h>

#include "chaos/fault/fault.h"

static struct fault *make(const char *json, struct error *error)
{
    struct fault *fault = NULL;
    cJSON *item = cJSON_Parse(json);
    assert_non_null(item);
    enum result result = fault_make(&fault, item, "test", error);
    cJSON_Delete(item);
    assert_true((result == OK) == (fault != NULL));
    return fault;
}

static struct fault *good(const char *json)
{
    struct error error;
    struct fault *fault = make(json, &error);
    if (!fault)
        fail_msg("%s: %s", json, error.text);
    return fault;
}

static void refused(const char *json, const char *why)
{
    struct error error = {""};
    struct fault *fault = make(json, &error);
    if (fault)
        fail_msg("%s was accepted", json);
    if (!strstr(error.text, why) || strncmp(error.text, "test:1:", 7) != 0)
        fail_msg("%s: %s", json, error.text);
}

/* Something that the parameter may be. */
static const char *value_of(const struct fault_parameter *parameter)
{
    switch (parameter->type) {
    case CONF_INT:
        return strcmp(parameter->name, "status") == 0 ? "500" : "7";
    case CONF_SIZE:
        return "4096";
    case CONF_SHARE:
        return "\"7%\"";
    case CONF_BOOL:
        return "true";
    case CONF_MAP:
        return "{\"X-A\":\"b\"}";
    case CONF_LIST:
        return "[\"X-B\"]";
    default:
        return "\"7ms\"";
    }
}

static void every_row_can_be_made(void **state)
{
    for (int kind = 0; kind < FAULT_COUNT; kind++) {
        char json[512];
        const struct fault_row *row = fault_row((enum fault_kind)kind);
        struct fault_parameter parameter;
        int length = snprintf(json, sizeof(json), "{\"kind\":\"%s\"", row->name);
        for (size_t i = 0; fault_parameter_next((enum fault_kind)kind, &i, &parameter);) {
            const char *value = value_of(&parameter);
            length += snprintf(json + length, sizeof(json) - (size_t)length, ",\"%s\":%s",
                               parameter.name, value);
        }
        snprintf(json + length, sizeof(json) - (size_t)length, "}");
        struct fault *fault = good(json);
        assert_int_equal(fault->config.kind, kind);
        assert_int_equal(fault->config.stream, row->stream);
        assert_int_equal(fault_named(row->name), kind);
        assert_true(fault->config.share == 1);
        fault_free(fault);
    }
    assert_int_equal(fault_named("lateness"), FAULT_COUNT);
}

static void values_arrive_where_they_belong(void **state)
{
    struct fault *fault =
        good("{\"kind\":\"latency\",\"name\":\"slow\",\"latency\":\"uniform(1ms,9ms)\","
             "\"jitter\":\"2ms\",\"stream\":\"both\",\"share\":\"25%\",\"from\":\"1s\","
             "\"until\":\"9s\",\"every\":\"2s\",\"lasting\":\"500ms\",\"count\":3,\"ramp\":\"1s\","
             "\"first\":10,\"max_active\":4,\"ttl\":\"1m\"}");
    const struct fault_config *config = &fault->config;
    assert_string_equal(config->name, "slow");
    assert_int_equal(config->latency.kind, DIST_UNIFORM);
    assert_int_equal(config->jitter.ns, 2 * NS_PER_MS);
    assert_int_equal(config->stream, FAULT_STREAM_BOTH);
    assert_true(config->share == 0.25);
    assert_int_equal(config->from.ns, NS_PER_S);
    assert_int_equal(config->until.ns, 9 * NS_PER_S);
    assert_int_equal(config->count, 3);
    assert_int_equal(config->ramp.ns, NS_PER_S);
    assert_int_equal(config->first, 10);
    assert_int_equal(config->max_active, 4);
    assert_int_equal(config->ttl.ns, 60 * NS_PER_S);
    fault_free(fault);
}

static void a_name_is_made_of_kind_and_stream(void **state)
{
    struct fault *fault = good("{\"kind\":\"noop\",\"stream\":\"upstream\"}");
    assert_string_equal(fault->config.name, "noop_upstream");
    fault_free(fault);
    fault = good("{\"kind\":\"blackhole\"}");
    assert_string_equal(fault->config.name, "blackhole_both");
    fault_free(fault);
}

static void the_impossible_is_refused_with_its_place(void **state)
{
    refused("{\"kind\":\"latensy\",\"latency\":\"1ms\"}", "nearest \"latency\"");
    refused("{\"kind\":\"latency\",\"latency\":\"-1ms\"}", "\"latency\"");
    refused("{\"kind\":\"latency\",\"latency\":\"1ms\",\"jitter\":\"-1ms\"}", "\"jitter\"");
    refused("{\"kind\":\"latency\"}", "lacks \"latency\"");
    refused("{\"kind\":\"latency\",\"latency\":\"1ms\",\"rate\":7}",
            "\"rate\" is no parameter of latency (it takes \"latency\", \"jitter\")");
    refused("{\"kind\":\"noop\",\"bytes\":7}", "it takes none");
    refused("{\"kind\":\"noop\",\"share\":\"101%\"}", "out of bounds");
    refused("{\"kind\":\"noop\",\"from\":\"2s\",\"until\":\"1s\"}", "\"until\"");
    refused("{\"kind\":\"noop\",\"from\":\"2s\",\"until\":\"2s\"}", "\"until\"");
    refused("{\"kind\":\"noop\",\"every\":\"2s\"}", "needs \"lasting\"");
    refused("{\"kind\":\"noop\",\"count\":2}", "needs \"every\"");
    refused("{\"kind\":\"noop\",\"every\":\"1ns\",\"lasting\":\"1ns\"}", "below 100us");
    refused("{\"kind\":\"noop\",\"first\":-1}", "out of bounds");
    refused("{\"kind\":\"noop\",\"max_active\":-1}", "out of bounds");
    refused("{\"kind\":\"noop\",\"stream\":\"sideways\"}", "not one of its choices");
    refused("{\"kind\":\"refuse\",\"stream\":\"upstream\"}", "no \"stream\"");
    refused("{\"kind\":\"noop\",\"shar\":\"1%\"}", "share");
    refused("{\"name\":\"x\"}", "lacks \"kind\"");
    refused("{\"kind\":\"stop\",\"stream\":\"both\"}", "whole process");
    refused("{\"kind\":\"stop\",\"every\":\"1s\"}", "needs \"lasting\"");
    refused("{\"kind\":\"kill\",\"lasting\":\"1s\"}", "happens at once");
    refused("{\"kind\":\"steal_cpu\",\"cores\":0}", "out of bounds");
    refused("{\"kind\":\"steal_cpu\",\"steal\":\"101%\"}", "out of bounds");
    fault_free(good("{\"kind\":\"term\",\"every\":\"1s\"}"));
}

static void messages_are_drawn_for_requests_and_bytes_for_connections(void **state)
{
    struct fault *fault = good("{\"kind\":\"abort\"}");
    assert_int_equal(fault->config.per, FAULT_PER_REQUEST);
    fault_free(fault);
    fault = good("{\"kind\":\"latency\",\"latency\":\"1ms\"}");
    assert_int_equal(fault->config.per, FAULT_PER_CONNECTION);
    fault_free(fault);
    fault = good("{\"kind\":\"latency\",\"latency\":\"1ms\",\"per\":\"request\","
                 "\"match\":{\"path\":\"/a\"}}");
    assert_int_equal(fault->config.per, FAULT_PER_REQUEST);
    fault_free(fault);
    fault = good("{\"kind\":\"corrupt\",\"match\":{\"endpoint\":\"a:1\"}}");
    fault_free(fault);
    refused("{\"kind\":\"abort\",\"per\":\"connection\"}", "cannot be drawn per connection");
    refused("{\"kind\":\"idle_close\",\"idle\":\"1s\",\"per\":\"request\"}",
            "cannot be drawn per request");
    refused("{\"kind\":\"refuse\",\"per\":\"request\"}", "cannot be drawn per request");
    refused("{\"kind\":\"corrupt\",\"match\":{\"path\":\"/a\"}}", "set \"per\" to \"request\"");
}

static void messages_that_would_do_nothing_are_refused(void **state)
{
    refused("{\"kind\":\"delay_request\"}", "lacks \"delay\"");
    refused("{\"kind\":\"abort\",\"status\":99}", "out of bounds");
    refused("{\"kind\":\"abort\",\"stream\":\"upstream\"}", "no \"stream\" but \"downstream\"");
    refused("{\"kind\":\"truncate\",\"body_share\":\"100%\"}", "cut nothing");
    refused("{\"kind\":\"wrong_length\",\"difference\":0}", "change nothing");
    refused("{\"kind\":\"wrong_length\"}", "lacks \"difference\"");
    refused("{\"kind\":\"response_rate\"}", "lacks \"rate\"");
    refused("{\"kind\":\"oversized_head\",\"size\":\"1GiB\"}", "out of bounds");
    refused("{\"kind\":\"edit_request\"}", "lacks \"set\", \"add\" or \"remove\"");
    refused("{\"kind\":\"edit_request\",\"set\":{\"a b\":\"c\"}}", "no name of a header field");
    refused("{\"kind\":\"edit_request\",\"set\":{\"a\":\"b\\r\\nc: d\"}}", "the end of a line");
    refused("{\"kind\":\"edit_response\",\"add\":{\"Content-Length\":\"7\"}}", "wrong_length");
    refused("{\"kind\":\"edit_response\",\"remove\":[\"transfer-encoding\"]}", "wrong_length");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_can_be_made),
        cmocka_unit_test(values_arrive_where_they_belong),
        cmocka_unit_test(messages_are_drawn_for_requests_and_bytes_for_connections),
        cmocka_unit_test(messages_that_would_do_nothing_are_refused),
        cmocka_unit_test(a_name_is_made_of_kind_and_stream),
        cmocka_unit_test(the_impossible_is_refused_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
