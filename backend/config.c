/* SPDX-License-Identifier: MIT */
/* The tables from which a backend's configuration is read. */
#include "backend/config.h"

#include <string.h>

#include "chaos/fault/pause_log.h"

#define KEYS(array)           .keys = (array), .key_count = ARRAY_LEN(array)
#define CHOICE(id, name, ...) name,

static const struct conf_table step_table;

/* ---- parts of steps */

static const struct conf_key loop_keys[] = {
    {.name = "times",
     .type = CONF_INT,
     .offset = offsetof(struct loop_config, times),
     .flags = CONF_REQUIRED,
     .min = 0,
     .max = 1e6,
     .meaning = "How often the steps run."},
    {.name = "steps",
     .type = CONF_LIST,
     .offset = offsetof(struct loop_config, steps),
     .flags = CONF_REQUIRED,
     .sub = &step_table,
     .meaning = "What runs each turn: any step but \"respond\"."},
};

static const struct conf_table loop_table = {
    .name = "loop",
    .meaning = "Steps that are repeated.",
    .size = sizeof(struct loop_config),
    KEYS(loop_keys),
    .item_offset = CONF_NO_ITEM,
};

static const struct conf_key header_keys[] = {
    {.name = "value",
     .type = CONF_STRING,
     .offset = offsetof(struct header_config, value),
     .flags = CONF_REQUIRED,
     .meaning = "The field's value."},
};

static const struct conf_table header_table = {
    .name = "header",
    .meaning = "A header field of the response.",
    .size = sizeof(struct header_config),
    .name_offset = offsetof(struct header_config, name),
    KEYS(header_keys),
    .shorthand = "value",
    .item_offset = CONF_NO_ITEM,
};

static const struct conf_key respond_keys[] = {
    {.name = "status",
     .type = CONF_INT,
     .offset = offsetof(struct respond_config, status),
     .otherwise = "200",
     .min = 200,
     .max = 599,
     .meaning = "Status of the response."},
    {.name = "body",
     .type = CONF_SIZE,
     .offset = offsetof(struct respond_config, body),
     .otherwise = "0",
     .meaning = "Length of the body, which is filler."},
    {.name = "chunked",
     .type = CONF_BOOL,
     .offset = offsetof(struct respond_config, chunked),
     .meaning = "Sends the body in chunks instead of announcing its length."},
    {.name = "headers",
     .type = CONF_MAP,
     .offset = offsetof(struct respond_config, headers),
     .sub = &header_table,
     .meaning = "Further header fields, by name."},
};

static const struct conf_table respond_table = {
    .name = "response",
    .meaning = "The response of a handler.",
    .size = sizeof(struct respond_config),
    KEYS(respond_keys),
    .check = respond_config_check,
    .item_offset = CONF_NO_ITEM,
};

static const char *const fault_names[] = {SERVE_FAULTS(CHOICE) NULL};

static const struct conf_key fail_keys[] = {
    {.name = "how",
     .type = CONF_ENUM,
     .offset = offsetof(struct fail_config, how),
     .flags = CONF_REQUIRED,
     .choices = fault_names,
     .meaning =
         "\"close\" and \"reset\" end the connection without a response, \"truncate\" in the "
         "middle of the body, \"garbage\" behind bytes that are no HTTP; \"stall\" sends no more "
         "from the middle of the body on, and \"hang\" never answers."},
    {.name = "share",
     .type = CONF_SHARE,
     .offset = offsetof(struct fail_config, share),
     .otherwise = "100%",
     .min = 0,
     .max = 1,
     .meaning = "The share of requests that it happens to; the others go on."},
};

static const struct conf_table fail_table = {
    .name = "failure",
    .meaning = "A way to misbehave.",
    .size = sizeof(struct fail_config),
    KEYS(fail_keys),
    .shorthand = "how",
    .item_offset = CONF_NO_ITEM,
};

/* ---- steps and handlers */

#define STEP_KEY(id, key, kind_of, member, smallest, largest, table, text) \
    {.name = (key),                                                        \
     .type = (kind_of),                                                    \
     .offset = offsetof(struct step, member),                              \
     .min = (smallest),                                                    \
     .max = (largest),                                                     \
     .sub = (table),                                                       \
     .meaning = (text)},

static const struct conf_key step_keys[] = {BACKEND_STEPS(STEP_KEY)};

static const struct conf_table step_table = {
    .name = "step",
    .meaning = "One thing that a handler does.",
    .size = sizeof(struct step),
    KEYS(step_keys),
    .item_offset = offsetof(struct step, item),
    .one_key = true,
    .which_offset = offsetof(struct step, kind),
};

static const struct conf_key handler_keys[] = {
    {.name = "steps",
     .type = CONF_LIST,
     .offset = offsetof(struct handler_config, steps),
     .flags = CONF_REQUIRED,
     .sub = &step_table,
     .meaning = "What is done for a request, in order; without \"respond\" it is answered with 204 "
                "at the end."},
    {.name = "timeout",
     .type = CONF_DURATION,
     .offset = offsetof(struct handler_config, timeout),
     .otherwise = "0s",
     .meaning = "A request whose response has not begun by then, the waiting for resources "
                "included, is answered with 503, and its handler ends; zero: none is."},
    {.name = "cancel",
     .type = CONF_BOOL,
     .offset = offsetof(struct handler_config, cancel),
     .otherwise = "true",
     .meaning = "The handler ends when its client has gone; without it, it works on for nobody, as "
                "most services do."},
};

static const struct conf_table handler_table = {
    .name = "handler",
    .meaning = "What requests for a path do. A path that ends in a slash stands for all that start "
               "with it; the longest wins.",
    .size = sizeof(struct handler_config),
    .name_offset = offsetof(struct handler_config, path),
    KEYS(handler_keys),
    .item_offset = CONF_NO_ITEM,
};

static const struct conf_key resource_keys[] = {
    {.name = "slots",
     .type = CONF_INT,
     .offset = offsetof(struct resource_config, slots),
     .otherwise = "1",
     .min = 1,
     .max = 1e6,
     .meaning = "How many can be taken at a time; 1 is a lock."},
    {.name = "release",
     .type = CONF_DIST,
     .offset = offsetof(struct resource_config, release),
     .meaning = "CPU time that giving one back costs; drawn when it is taken."},
};

static const struct conf_table resource_table = {
    .name = "resource",
    .meaning = "Something requests take and give back, and wait in line for.",
    .size = sizeof(struct resource_config),
    .name_offset = offsetof(struct resource_config, name),
    KEYS(resource_keys),
    .item_offset = CONF_NO_ITEM,
};

/* ---- heap and pauses */

#define COLLECTOR_MEANING(id, name, meaning) " \"" name "\": " meaning "."

static const char *const collector_names[] = {HEAP_COLLECTORS(CHOICE) NULL};

static const struct conf_key heap_keys[] = {
    {.name = "collector",
     .type = CONF_ENUM,
     .offset = offsetof(struct heap_config, collector),
     .otherwise = "mark_sweep",
     .choices = collector_names,
     .meaning = "What allocates the objects and finds those that are garbage, while everything "
                "else stands still." HEAP_COLLECTORS(COLLECTOR_MEANING)},
    {.name = "per_request",
     .type = CONF_SIZE,
     .offset = offsetof(struct heap_config, per_request),
     .otherwise = "0",
     .max = 1 << 30,
     .meaning = "Bytes that each request allocates and touches; garbage once its cleanup ran."},
    {.name = "live",
     .type = CONF_SIZE,
     .offset = offsetof(struct heap_config, live),
     .otherwise = "0",
     .max = 64.0 * (1 << 30),
     .meaning = "Bytes in linked objects that are always reachable: what a collection has to "
                "traverse."},
    {.name = "growth",
     .type = CONF_SHARE,
     .offset = offsetof(struct heap_config, growth),
     .otherwise = "100%",
     .min = 0.01,
     .max = 100,
     .meaning = "A collection is due when that share of the live bytes (taken as 4 MiB at least) "
                "was allocated since the last; libgc uses up first what it has got."},
    {.name = "object",
     .type = CONF_SIZE,
     .offset = offsetof(struct heap_config, object),
     .otherwise = "1KiB",
     .min = 64,
     .max = 1 << 30,
     .meaning = "Size of one object; more and smaller ones take longer to collect."},
};

static const struct conf_table heap_table = {
    .name = "heap",
    .meaning = "A heap whose collector stops the process: mark and sweep, for real.",
    .size = sizeof(struct heap_config),
    KEYS(heap_keys),
    .check = heap_config_check,
    .item_offset = CONF_NO_ITEM,
};

static const struct conf_key pause_keys[] = {
    {.name = "name",
     .type = CONF_STRING,
     .offset = offsetof(struct pause_config, name),
     .flags = CONF_NOT_EMPTY,
     .meaning = "Stands in the records, and is what its random draws depend on; \"pause-0\" and so "
                "on when absent."},
    {.name = "every",
     .type = CONF_DIST,
     .offset = offsetof(struct pause_config, every),
     .meaning =
         "From the start of one to the start of the next, 100us at least; absent: it happens "
         "once."},
    {.name = "duration",
     .type = CONF_DIST,
     .offset = offsetof(struct pause_config, duration),
     .meaning = "How long the whole process stands still; without it there is \"replay\"."},
    PAUSE_REPLAY_KEYS(struct pause_config, replay),
    {.name = "from",
     .type = CONF_DURATION,
     .offset = offsetof(struct pause_config, from),
     .meaning = "The first one, counted from the start of the measured load or of the process."},
    {.name = "until",
     .type = CONF_DURATION,
     .offset = offsetof(struct pause_config, until),
     .meaning = "None starts at or after it; zero: no end."},
    {.name = "count",
     .type = CONF_INT,
     .offset = offsetof(struct pause_config, count),
     .max = 1e9,
     .meaning = "So many at most; zero: no limit."},
    {.name = "injected",
     .type = CONF_BOOL,
     .offset = offsetof(struct pause_config, injected),
     .meaning = "An experiment's fault rather than the backend's own: also recorded as a fault."},
};

static const struct conf_table pause_table = {
    .name = "pause",
    .meaning = "When the whole process stands still.",
    .size = sizeof(struct pause_config),
    KEYS(pause_keys),
    .check = pause_config_check,
    .item_offset = CONF_NO_ITEM,
};

/* ---- the whole */

static const char *const cleanup_names[] = {CLEANUP_STRATEGIES(CHOICE) NULL};

static const struct conf_key backend_keys[] = {
    {.name = "address",
     .type = CONF_ADDRESS,
     .offset = offsetof(struct backend_config, address),
     .otherwise = "127.0.0.1:0",
     .meaning = "Where it listens; port 0 takes a free one."},
    {.name = "name",
     .type = CONF_STRING,
     .offset = offsetof(struct backend_config, name),
     .otherwise = "backend",
     .flags = CONF_NOT_EMPTY,
     .meaning = "Stands in records and log lines, and is what random draws depend on."},
    {.name = "record",
     .type = CONF_STRING,
     .offset = offsetof(struct backend_config, record),
     .flags = CONF_NOT_EMPTY,
     .meaning = "Folder for the records of its pauses; absent: nothing is recorded."},
    {.name = "record_requests",
     .type = CONF_BOOL,
     .offset = offsetof(struct backend_config, record_requests),
     .otherwise = "false",
     .meaning = "Also record each request: for gateways that keep no records of their tries. A run "
                "with such a gateway turns it on."},
    {.name = "seed",
     .type = CONF_INT,
     .offset = offsetof(struct backend_config, seed),
     .max = 9007199254740991.0,
     .meaning = "Of all that is random; the same seed gives the same draws."},
    {.name = "cleanup",
     .type = CONF_ENUM,
     .offset = offsetof(struct backend_config, cleanup),
     .otherwise = "inline",
     .choices = cleanup_names,
     .meaning = "When what a request took is given back."},
    {.name = "keepalive_timeout",
     .type = CONF_DURATION,
     .offset = offsetof(struct backend_config, keepalive_timeout),
     .otherwise = "60s",
     .meaning = "An idle connection is closed after it; zero: after each response."},
    {.name = "backlog",
     .type = CONF_INT,
     .offset = offsetof(struct backend_config, backlog),
     .max = 65535,
     .meaning = "Connections that may wait to be accepted; zero: the system's maximum."},
    {.name = "max_connections",
     .type = CONF_INT,
     .offset = offsetof(struct backend_config, max_connections),
     .max = 1e7,
     .meaning = "While so many are open no more are accepted; zero: no limit."},
    {.name = "descriptor_limit",
     .type = CONF_INT,
     .offset = offsetof(struct backend_config, descriptor_limit),
     .max = 1e7,
     .meaning = "The process's limit of open descriptors; zero: as it was started with."},
    {.name = "resources",
     .type = CONF_MAP,
     .offset = offsetof(struct backend_config, resources),
     .sub = &resource_table,
     .meaning = "What requests compete for, by name."},
    {.name = "handlers",
     .type = CONF_MAP,
     .offset = offsetof(struct backend_config, handlers),
     .flags = CONF_REQUIRED | CONF_NOT_EMPTY,
     .sub = &handler_table,
     .meaning = "What requests do, by path."},
    {.name = "heap",
     .type = CONF_OBJECT,
     .offset = offsetof(struct backend_config, heap),
     .otherwise = "{}",
     .sub = &heap_table,
     .meaning = "Memory, and the collector that stops the process for it."},
    {.name = "pauses",
     .type = CONF_LIST,
     .offset = offsetof(struct backend_config, pauses),
     .sub = &pause_table,
     .meaning = "When the process stands still."},
    {.name = "faults",
     .type = CONF_LIST,
     .offset = offsetof(struct backend_config, faults),
     .sub = &fault_conf_table,
     .meaning = "What else goes wrong with the process, and when: it refuses connections (refuse), "
                "accepts none (stop_accepting), or has no descriptor left (descriptors)."},
};

const struct conf_table backend_conf_table = {
    .name = "backend",
    .meaning = "A simulated service.",
    .size = sizeof(struct backend_config),
    KEYS(backend_keys),
    .check = backend_config_check,
    .item_offset = CONF_NO_ITEM,
};
