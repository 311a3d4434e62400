/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "lab/plan/links.h"
#include "lab/plan/plan.h"
#include "tests/unit/lab/sample.h"

/* Tables that stand for a backend's and a proxy's: the lab knows neither. */
struct anything {
    const struct cJSON *a, *b, *c, *d;
    const char *address;
    struct conf_list pauses;
};
struct pause {
    const char *name;
    struct dist every, lasting;
    duration from, until;
    int64_t count;
    bool injected;
};

static const struct conf_key pause_keys[] = {
    {.name = "name", .type = CONF_STRING, .offset = offsetof(struct pause, name)},
    {.name = "every", .type = CONF_DIST, .offset = offsetof(struct pause, every)},
    {.name = "duration",
     .type = CONF_DIST,
     .offset = offsetof(struct pause, lasting),
     .flags = CONF_REQUIRED},
    {.name = "from",
     .type = CONF_DURATION,
     .offset = offsetof(struct pause, from),
     .otherwise = "0s",
     .max = 4e9},
    {.name = "until", .type = CONF_DURATION, .offset = offsetof(struct pause, until)},
    {.name = "count", .type = CONF_INT, .offset = offsetof(struct pause, count)},
    {.name = "injected", .type = CONF_BOOL, .offset = offsetof(struct pause, injected)},
};
static const struct conf_table pause_table = {.name = "pause",
                                              .size = sizeof(struct pause),
                                              .keys = pause_keys,
                                              .key_count = ARRAY_LEN(pause_keys),
                                              .item_offset = CONF_NO_ITEM};

static const struct conf_key backend_keys[] = {
    {.name = "name", .type = CONF_RAW, .offset = offsetof(struct anything, a)},
    {.name = "address",
     .type = CONF_ADDRESS,
     .offset = offsetof(struct anything, address),
     .flags = CONF_REQUIRED},
    {.name = "cleanup", .type = CONF_RAW, .offset = offsetof(struct anything, b)},
    {.name = "work", .type = CONF_RAW, .offset = offsetof(struct anything, c)},
    {.name = "pauses",
     .type = CONF_LIST,
     .offset = offsetof(struct anything, pauses),
     .sub = &pause_table},
};
static const struct conf_table backend_table = {.name = "backend",
                                                .size = sizeof(struct anything),
                                                .keys = backend_keys,
                                                .key_count = ARRAY_LEN(backend_keys),
                                                .item_offset = CONF_NO_ITEM};

static const struct conf_key proxy_keys[] = {
    {.name = "name", .type = CONF_RAW, .offset = offsetof(struct anything, a)},
    {.name = "listeners",
     .type = CONF_RAW,
     .offset = offsetof(struct anything, b),
     .flags = CONF_REQUIRED},
    {.name = "upstreams", .type = CONF_RAW, .offset = offsetof(struct anything, c)},
    {.name = "faults", .type = CONF_RAW, .offset = offsetof(struct anything, d)},
};
static const struct conf_table proxy_table = {.name = "proxy",
                                              .size = sizeof(struct anything),
                                              .keys = proxy_keys,
                                              .key_count = ARRAY_LEN(proxy_keys),
                                              .item_offset = CONF_NO_ITEM};

/* Plans the sample with the parts replaced. */
static enum result make(struct plan *plan, const char *const *parts, struct error *error)
{
    char path[] = "/tmp/plan_test.XXXXXX";
    int fd = mkstemp(path);
    char *text = sample_text(parts);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    const struct lab_options options = {
        .experiment = path, .backend_table = &backend_table, .proxy_table = &proxy_table};
    enum result result = plan_make(plan, &options, error);
    unlink(path);
    free(text);
    return result;
}

static struct plan made(const char *const *parts)
{
    struct plan plan;
    struct error error;
    if (make(&plan, parts, &error) != OK)
        fail_msg("%s", error.text);
    plan.path = NULL; /* it was on the stack */
    return plan;
}

static void assert_refused(const char *const *parts, const char *place, const char *part)
{
    struct plan plan;
    struct error error;
    assert_int_equal(make(&plan, parts, &error), FAILED_INPUT);
    if (!strstr(error.text, part) || !strstr(error.text, place))
        fail_msg("\"%s\" does not say \"%s\" at %s", error.text, part, place);
}

/* The configuration of a process in a round. */
static cJSON *config(const struct plan *plan, size_t variant, const struct plan_process *process,
                     int64_t round, const struct endpoint_book *book)
{
    return plan_config(plan, variant, process, round, "/records", book);
}

static const char *text_of(cJSON *json, const char *pointer)
{
    const cJSON *item = conf_pointer(json, pointer);
    return cJSON_IsString(item) ? item->valuestring : "?";
}

static double number_of(cJSON *json, const char *pointer)
{
    const cJSON *item = conf_pointer(json, pointer);
    return cJSON_IsNumber(item) ? item->valuedouble : -1;
}

static void every_instance_has_its_document(void **state)
{
    struct plan plan = made(NULL);
    const struct plan_variant *variant = &plan.items[0];
    static const char *const names[] = {"a-0", "a-1", "b-0"};
    assert_int_equal(variant->backend_count, ARRAY_LEN(names));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        cJSON *json = config(&plan, 0, &variant->backends[i], 0, NULL);
        assert_string_equal(text_of(json, "/name"), names[i]);
        assert_string_equal(text_of(json, "/address"), "127.0.0.1:0");
        assert_string_equal(text_of(json, "/record"), "/records");
        assert_string_equal(text_of(json, "/cleanup"), i < 2 ? "x" : "y");
        cJSON_Delete(json);
    }
    plan_free(&plan);
}

static void seeds_go_by_process_and_round_alone(void **state)
{
    const char *parts[] = {"\"variants\": {}",
                           "\"variants\": {\"/backends/a/config/cleanup\": [\"x\", \"z\"]}", NULL};
    struct plan plan = made(parts);
    double seeds[4];
    const struct {
        size_t variant, process;
        int64_t round;
    } of[] = {{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
    for (size_t i = 0; i < ARRAY_LEN(of); i++) {
        cJSON *json = config(&plan, of[i].variant,
                             &plan.items[of[i].variant].backends[of[i].process], of[i].round, NULL);
        seeds[i] = number_of(json, "/seed");
        assert_true(seeds[i] >= 0 && seeds[i] == (double)(uint64_t)seeds[i]);
        cJSON_Delete(json);
    }
    assert_true(seeds[0] == seeds[1]);
    assert_true(seeds[0] != seeds[2] && seeds[0] != seeds[3]);
    plan_free(&plan);
}

static void placeholders_become_addresses(void **state)
{
    const char *parts[] = {
        "[ \"@a\" ]", "[ {\"address\": \"@a\", \"weight\": 2}, \"@b\", \"@a/1\", \"[::1]:80\" ]",
        NULL};
    struct plan plan = made(parts);
    const struct endpoint_address addresses[] = {
        {"a-0", "127.0.0.1:10"}, {"a-1", "127.0.0.1:11"}, {"b-0", "127.0.0.1:12"}};
    const struct endpoint_book book = {addresses, ARRAY_LEN(addresses)};
    cJSON *json = config(&plan, 0, &plan.items[0].gateway, 0, &book);
    char *list = cJSON_PrintUnformatted(conf_pointer(json, "/upstreams/u/endpoints"));
    assert_string_equal(list, "[{\"address\":\"127.0.0.1:10\",\"weight\":2},"
                              "{\"address\":\"127.0.0.1:11\",\"weight\":2},\"127.0.0.1:12\","
                              "\"127.0.0.1:11\",\"[::1]:80\"]");
    cJSON_free(list);
    assert_string_equal(text_of(json, "/listeners/0/address"), "127.0.0.1:0");
    assert_string_equal(text_of(json, "/name"), "gateway");
    cJSON_Delete(json);
    plan_free(&plan);
}

static void faults_become_pauses_of_their_targets(void **state)
{
    const char *parts[] = {
        "\"cleanup\": \"x\"", "\"cleanup\": \"x\", \"pauses\": [{\"duration\": \"1ms\"}]",
        "\"faults\": []",
        "\"faults\": [ {\"name\": \"one\", \"on\": \"@a/1\", \"pause\": \"2ms\","
        " \"every\": \"uniform(1ms,2ms)\", \"from\": \"1s\"},"
        " {\"name\": \"all\", \"on\": \"@a\", \"kind\": \"pause\", \"lasting\": \"3ms\","
        " \"every\": \"1s\", \"count\": 4, \"until\": \"2s\"},"
        " {\"name\": \"none\", \"on\": \"@a\", \"pause\": \"3ms\","
        " \"enabled\": false},"
        " {\"name\": \"lab\", \"on\": \"@a\", \"kind\": \"kill\"} ]",
        NULL};
    struct plan plan = made(parts);
    static const int pauses[] = {2, 3, 0};
    for (size_t i = 0; i < ARRAY_LEN(pauses); i++) {
        cJSON *json = config(&plan, 0, &plan.items[0].backends[i], 0, NULL);
        assert_int_equal(cJSON_GetArraySize(conf_pointer(json, "/pauses")), pauses[i]);
        cJSON_Delete(json);
    }
    cJSON *json = config(&plan, 0, &plan.items[0].backends[1], 0, NULL);
    assert_null(conf_pointer(json, "/pauses/0/injected"));
    assert_string_equal(text_of(json, "/pauses/1/name"), "one");
    assert_string_equal(text_of(json, "/pauses/1/duration"), "2ms");
    assert_string_equal(text_of(json, "/pauses/1/every"), "uniform(1ms,2ms)");
    assert_string_equal(text_of(json, "/pauses/1/from"), "1s");
    assert_string_equal(text_of(json, "/pauses/1/until"), "5000000000ns");
    assert_true(cJSON_IsTrue(conf_pointer(json, "/pauses/1/injected")));
    assert_string_equal(text_of(json, "/pauses/2/until"), "2s");
    assert_string_equal(text_of(json, "/pauses/2/duration"), "3ms");
    assert_true(number_of(json, "/pauses/2/count") == 4);
    cJSON_Delete(json);
    plan_free(&plan);
}

static void faults_on_bytes_become_links(void **state)
{
    const char *parts[] = {"\"faults\": []",
                           "\"faults\": [ {\"name\": \"slow\", \"on\": \"@a/1\","
                           " \"kind\": \"latency\", \"latency\": \"2ms\"},"
                           " {\"name\": \"shut\", \"on\": \"@a/1\", \"kind\": \"refuse\","
                           " \"until\": \"9s\"} ]",
                           NULL};
    struct plan plan = made(parts);
    struct endpoint_address addresses[] = {
        {"a-0", "127.0.0.1:11"}, {"a-1", "127.0.0.1:12"}, {"b-0", "127.0.0.1:13"}};
    const struct endpoint_book book = {addresses, ARRAY_LEN(addresses)};
    cJSON *json = config(&plan, 0, &plan.items[0].links, 0, &book);
    assert_int_equal(cJSON_GetArraySize(conf_pointer(json, "/links")), 1);
    assert_string_equal(text_of(json, "/links/a-1/upstream"), "127.0.0.1:12");
    assert_string_equal(text_of(json, "/links/a-1/faults/0/kind"), "latency");
    assert_string_equal(text_of(json, "/links/a-1/faults/0/until"), "5000000000ns");
    assert_string_equal(text_of(json, "/links/a-1/faults/1/until"), "9s");
    assert_null(conf_pointer(json, "/links/a-1/faults/0/on"));
    links_take_place(json, "127.0.0.1:1 127.0.0.1:2", addresses, ARRAY_LEN(addresses));
    assert_string_equal(addresses[0].address, "127.0.0.1:11");
    assert_string_equal(addresses[1].address, "127.0.0.1:2");
    cJSON_Delete(json);
    plan_free(&plan);
}

static void faults_of_the_gateway_stand_behind_its_own(void **state)
{
    const char *parts[] = {
        "\"gateway\": {", "\"gateway\": { \"faults\": [ {\"kind\": \"noop\"} ],", "\"faults\": []",
        "\"faults\": [ {\"name\": \"slow\", \"on\": \"gateway\", \"kind\": \"latency\","
        " \"latency\": \"2ms\"}, {\"name\": \"still\", \"on\": \"gateway\","
        " \"pause\": \"1ms\"} ]",
        NULL};
    struct plan plan = made(parts);
    assert_null(plan.items[0].links.config);
    cJSON *json = plan.items[0].gateway.config;
    assert_int_equal(cJSON_GetArraySize(conf_pointer(json, "/faults")), 2);
    assert_string_equal(text_of(json, "/faults/1/name"), "slow");
    plan_free(&plan);
}

#define FAULT(keys) "\"faults\": []", "\"faults\": [{\"name\": \"f\", " keys "}]"

static void impossible_faults_are_refused(void **state)
{
    static const struct {
        const char *place, *part, *parts[3];
    } cases[] = {
        {":7:", "lacks \"name\"", {"\"faults\": []", "\"faults\": [{\"on\": \"@a\"}]"}},
        {":7:", "lacks \"on\"", {FAULT("\"pause\": \"1ms\"")}},
        {":7:", "nothing that a fault can be on", {FAULT("\"on\": \"a\", \"pause\": \"1ms\"")}},
        {":7:", "2 instances", {FAULT("\"on\": \"@a/2\", \"kind\": \"kill\"")}},
        {":7:", "lacks the length", {FAULT("\"on\": \"@a\"")}},
        {":7:",
         "expected \"lasting\"",
         {FAULT("\"on\": \"@a\", \"kind\": \"stop\", \"pause\": \"1ms\"")}},
        {":7:", "one of them", {FAULT("\"on\": \"@a\", \"lasting\": \"1ms\", \"pause\": \"1ms\"")}},
        {":7:", "nearest \"latency\"", {FAULT("\"on\": \"@a\", \"kind\": \"latensy\"")}},
        {":7:", "lacks \"latency\"", {FAULT("\"on\": \"@a\", \"kind\": \"latency\"")}},
        {":7:",
         "no parameter of stop",
         {FAULT("\"on\": \"@a\", \"kind\": \"stop\", \"cores\": 1")}},
        {":7:",
         "no endpoint of the gateway leads to \"@b\"",
         {FAULT("\"on\": \"@b\", \"kind\": \"refuse\"")}},
        {":7:", "whole process", {FAULT("\"on\": \"@a\", \"kind\": \"stop\", \"share\": \"1%\"")}},
        {":7:",
         "happens at once",
         {FAULT("\"on\": \"@a\", \"kind\": \"kill\", \"lasting\": \"1s\"")}},
        {":7:",
         "does not come after",
         {FAULT("\"on\": \"@a\", \"kind\": \"kill\", \"from\": \"2s\", \"until\": \"1s\"")}},
        {":7:",
         "load has ended",
         {FAULT("\"on\": \"gateway\", \"kind\": \"kill\", \"from\": \"5s\"")}},
        {":7:",
         "this machine has",
         {FAULT("\"on\": \"@a\", \"kind\": \"steal_cpu\", \"cores\": 1024")}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_refused(cases[i].parts, cases[i].place, cases[i].part);
}

#define REFUSED(place, part, ...) \
    assert_refused((const char *const[]){__VA_ARGS__, NULL}, place, part)

static void mistakes_are_found_where_they_stand(void **state)
{
    REFUSED(":3:52:", "cleanup", "\"cleanup\": \"x\"", "\"cleanu\": \"x\"");
    REFUSED(":3:", "filled in", "\"cleanup\": \"x\"", "\"address\": \"127.0.0.1:1\"");
    REFUSED(":5:", "\"c\"", "\"@a\"", "\"@c\"");
    REFUSED(":5:", "2 instances", "\"@a\"", "\"@a/2\"");
    REFUSED(":5:", "GROUP", "\"@a\"", "\"@a/x\"");
    REFUSED(":5:", "filled in", "\"gateway\": {", "\"gateway\": { \"seed\": 1,");
    REFUSED(":8:44:", "cleanup", "\"variants\": {}",
            "\"variants\": {\"/backends/a/config\": [{}, {\"cleenup\": 1}]}");
    REFUSED(":7:", "\"c\"", "\"faults\": []",
            "\"faults\": [{\"name\": \"f\", \"on\": \"@c\", \"pause\": \"1ms\"}]");
    REFUSED(
        ":7:", "load.duration", "\"faults\": []",
        "\"faults\": [{\"name\": \"f\", \"on\": \"@a\", \"pause\": \"1ms\", \"from\": \"5s\"}]");
    /* What only the backend's table knows is said of the fault. */
    REFUSED(":8:1:", "from", "\"faults\": []",
            "\"faults\": [{\"name\": \"f\", \"on\": \"@a\", \"pause\": \"1ms\", \"from\": "
            "\n\"4.5s\"}]");
    REFUSED(":9:", "p98", "\"expect\": []", "\"expect\": [ \"p98 < 1ms\" ]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_instance_has_its_document),
        cmocka_unit_test(seeds_go_by_process_and_round_alone),
        cmocka_unit_test(placeholders_become_addresses),
        cmocka_unit_test(faults_become_pauses_of_their_targets),
        cmocka_unit_test(faults_on_bytes_become_links),
        cmocka_unit_test(faults_of_the_gateway_stand_behind_its_own),
        cmocka_unit_test(impossible_faults_are_refused),
        cmocka_unit_test(mistakes_are_found_where_they_stand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
