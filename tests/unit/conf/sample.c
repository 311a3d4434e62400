/* SPDX-License-Identifier: MIT */
#include "tests/unit/conf/sample.h"

#include <string.h>

static const struct conf_table step_table;

static const struct conf_key step_keys[] = {
    {.name = "io",
     .type = CONF_DIST,
     .offset = offsetof(struct sample_step, io),
     .meaning = "Waits."},
    {.name = "acquire",
     .type = CONF_STRING,
     .offset = offsetof(struct sample_step, acquire),
     .otherwise = "nothing",
     .flags = CONF_NOT_EMPTY,
     .meaning = "Takes a resource."},
    {.name = "loop",
     .type = CONF_LIST,
     .offset = offsetof(struct sample_step, loop),
     .flags = CONF_NOT_EMPTY,
     .sub = &step_table,
     .meaning = "Does steps again."},
};

static const struct conf_table step_table = {
    .name = "step",
    .meaning = "A step of a handler.",
    .size = sizeof(struct sample_step),
    .keys = step_keys,
    .key_count = ARRAY_LEN(step_keys),
    .item_offset = CONF_NO_ITEM,
    .one_key = true,
    .which_offset = offsetof(struct sample_step, which),
};

static const struct conf_key endpoint_keys[] = {
    {.name = "address",
     .type = CONF_ADDRESS,
     .offset = offsetof(struct sample_endpoint, address),
     .flags = CONF_REQUIRED,
     .meaning = "Where it listens."},
    {.name = "weight",
     .type = CONF_INT,
     .offset = offsetof(struct sample_endpoint, weight),
     .otherwise = "1",
     .min = 1,
     .max = 256,
     .meaning = "Its part of the traffic."},
};

const struct conf_table sample_endpoint_table = {
    .name = "endpoint",
    .meaning = "A server.",
    .size = sizeof(struct sample_endpoint),
    .keys = endpoint_keys,
    .key_count = ARRAY_LEN(endpoint_keys),
    .shorthand = "address",
    .item_offset = offsetof(struct sample_endpoint, item),
};

static const struct conf_key upstream_keys[] = {
    {.name = "endpoints",
     .type = CONF_LIST,
     .offset = offsetof(struct sample_upstream, endpoints),
     .flags = CONF_REQUIRED | CONF_NOT_EMPTY,
     .sub = &sample_endpoint_table,
     .meaning = "Its servers."},
};

static const struct conf_table upstream_table = {
    .name = "upstream",
    .meaning = "A group of servers.",
    .size = sizeof(struct sample_upstream),
    .name_offset = offsetof(struct sample_upstream, name),
    .keys = upstream_keys,
    .key_count = ARRAY_LEN(upstream_keys),
    .item_offset = CONF_NO_ITEM,
};

static const struct conf_key timeout_keys[] = {
    {.name = "connect",
     .type = CONF_DURATION,
     .offset = offsetof(struct sample_timeout, connect),
     .otherwise = "1s",
     .meaning = "For the connection."},
    {.name = "total",
     .type = CONF_DURATION,
     .offset = offsetof(struct sample_timeout, total),
     .otherwise = "0s",
     .meaning = "For all of it."},
};

static const struct conf_table timeout_table = {
    .name = "timeout",
    .meaning = "How long things may take.",
    .size = sizeof(struct sample_timeout),
    .keys = timeout_keys,
    .key_count = ARRAY_LEN(timeout_keys),
    .item_offset = CONF_NO_ITEM,
};

static const char *const cleanups[] = {"inline", "deferred", "pooled", NULL};
static const char *const conditions[] = {"connect", "reset", "reused_closed", NULL};

static const struct conf_key sample_keys[] = {
    {.name = "enabled",
     .type = CONF_BOOL,
     .offset = offsetof(struct sample, enabled),
     .otherwise = "true",
     .meaning = "Whether it is on."},
    {.name = "workers",
     .type = CONF_INT,
     .offset = offsetof(struct sample, workers),
     .otherwise = "2",
     .min = 1,
     .max = 64,
     .meaning = "Threads."},
    {.name = "seed", .type = CONF_INT, .offset = offsetof(struct sample, seed), .meaning = "Any."},
    {.name = "factor",
     .type = CONF_NUMBER,
     .offset = offsetof(struct sample, factor),
     .otherwise = "0.5",
     .min = 0,
     .max = 1,
     .meaning = "A factor."},
    {.name = "label",
     .type = CONF_STRING,
     .offset = offsetof(struct sample, label),
     .flags = CONF_NOT_EMPTY,
     .meaning = "A name that says \"hello\", with a \\ in it."},
    {.name = "period",
     .type = CONF_DURATION,
     .offset = offsetof(struct sample, period),
     .otherwise = "250ms",
     .min = 1e6,
     .max = 10e9,
     .meaning = "A period."},
    {.name = "body",
     .type = CONF_SIZE,
     .offset = offsetof(struct sample, body),
     .otherwise = "64KiB",
     .min = 1,
     .max = 1 << 30,
     .meaning = "A size."},
    {.name = "rate",
     .type = CONF_RATE,
     .offset = offsetof(struct sample, rate),
     .otherwise = "60/m",
     .min = 0.5,
     .max = 0,
     .meaning = "A rate."},
    {.name = "budget",
     .type = CONF_SHARE,
     .offset = offsetof(struct sample, budget),
     .otherwise = "20%",
     .min = 0,
     .max = 1,
     .meaning = "A share."},
    {.name = "delay",
     .type = CONF_DIST,
     .offset = offsetof(struct sample, delay),
     .otherwise = "uniform(1ms,9ms)",
     .meaning = "A delay."},
    {.name = "admin",
     .type = CONF_ADDRESS,
     .offset = offsetof(struct sample, admin),
     .otherwise = "127.0.0.1:9901",
     .meaning = "An address."},
    {.name = "cleanup",
     .type = CONF_ENUM,
     .offset = offsetof(struct sample, cleanup),
     .otherwise = "pooled",
     .choices = cleanups,
     .meaning = "A strategy."},
    {.name = "on",
     .type = CONF_FLAGS,
     .offset = offsetof(struct sample, on),
     .otherwise = "connect,reused_closed",
     .choices = conditions,
     .meaning = "Conditions."},
    {.name = "timeout",
     .type = CONF_OBJECT,
     .offset = offsetof(struct sample, timeout),
     .otherwise = "{\"connect\": \"3s\"}",
     .sub = &timeout_table,
     .meaning = "Timeouts with a default of their own."},
    {.name = "own_timeout",
     .type = CONF_OBJECT,
     .offset = offsetof(struct sample, own_timeout),
     .sub = &timeout_table,
     .meaning = "Timeouts with the defaults of each."},
    {.name = "server",
     .type = CONF_OBJECT,
     .offset = offsetof(struct sample, server),
     .sub = &sample_endpoint_table,
     .meaning = "A server, or none."},
    {.name = "ports",
     .type = CONF_LIST,
     .offset = offsetof(struct sample, ports),
     .otherwise = "[80, 443]",
     .min = 1,
     .max = 65535,
     .element = CONF_INT,
     .meaning = "Ports."},
    {.name = "tags",
     .type = CONF_LIST,
     .offset = offsetof(struct sample, tags),
     .flags = CONF_NOT_EMPTY,
     .element = CONF_STRING,
     .meaning = "Words."},
    {.name = "upstreams",
     .type = CONF_MAP,
     .offset = offsetof(struct sample, upstreams),
     .flags = CONF_NOT_EMPTY,
     .sub = &upstream_table,
     .meaning = "Groups by name."},
    {.name = "steps",
     .type = CONF_LIST,
     .offset = offsetof(struct sample, steps),
     .sub = &step_table,
     .meaning = "Steps."},
    {.name = "raw",
     .type = CONF_RAW,
     .offset = offsetof(struct sample, raw),
     .otherwise = "{\"a\": [1]}",
     .meaning = "Anything."},
};

static enum result check_sample(struct conf_read *read, void *object, const struct cJSON *item)
{
    struct sample *sample = object;
    if (sample->workers == 13)
        return conf_fail(read, conf_member(item, "workers"), "13 workers are unlucky");
    if (sample->workers == 14)
        return conf_fail(read, NULL, "14 workers are %s", "too many");
    if (sample->label && strcmp(sample->label, "arena") == 0)
        sample->label = arena_text(conf_read_arena(read), "from the hook", 13);
    return OK;
}

const struct conf_table sample_table = {
    .name = "sample",
    .meaning = "All there is.",
    .size = sizeof(struct sample),
    .keys = sample_keys,
    .key_count = ARRAY_LEN(sample_keys),
    .check = check_sample,
    .item_offset = CONF_NO_ITEM,
};

enum result sample_begin(struct sample_reading *reading, const char *text, size_t length)
{
    memset(reading, 0, sizeof(*reading));
    enum result result = conf_doc_parse(&reading->doc, "c.json", text, length, &reading->error);
    if (result != OK)
        return result;
    return conf_read(reading->doc, conf_doc_root(reading->doc), &sample_table, &reading->sample,
                     &reading->arena, &reading->error);
}

void sample_end(struct sample_reading *reading)
{
    conf_doc_free(&reading->doc);
    arena_free(&reading->arena);
}
