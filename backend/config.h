/* SPDX-License-Identifier: MIT */
/* The configuration of a backend. */
#ifndef TAILGATE_BACKEND_CONFIG_H
#define TAILGATE_BACKEND_CONFIG_H

#include "backend/cleanup.h"
#include "backend/heap.h"
#include "chaos/fault/fault.h"
#include "chaos/fault/pause_replay.h"
#include "lib/base/dist.h"
#include "lib/conf/conf.h"
#include "lib/serve/serve.h"

struct cJSON;

/* Loops in loops: so deep at most. */
#define LOOP_DEPTH 8

struct resource_config {
    const char *name;
    int64_t slots;
    struct dist release;
};

/* The steps of a handler: identifier, key, type of its value, member, smallest and largest value,
 * sub-table, meaning. */
#define BACKEND_STEPS(X)                                                                     \
    X(ACQUIRE, "acquire", CONF_STRING, resource.name, 0, 0, NULL,                            \
      "takes a slot of that resource, waiting in line for it")                               \
    X(RELEASE, "release", CONF_STRING, resource.name, 0, 0, NULL,                            \
      "gives a slot back, where the cleanup strategy releases at the last use; the other "   \
      "strategies have put the release off already when they acquired")                      \
    X(ALLOC, "alloc", CONF_SIZE, alloc, 1, 1 << 30, NULL,                                    \
      "allocates a block of that size on the simulated heap")                                \
    X(OPEN, "open", CONF_INT, open, 1, 1000000, NULL, "opens that many real descriptors")    \
    X(CPU, "cpu", CONF_DIST, time, 0, 0, NULL, "burns that much CPU time on the one thread") \
    X(IO, "io", CONF_DIST, time, 0, 0, NULL, "waits that long without the CPU")              \
    X(LOOP, "loop", CONF_OBJECT, loop, 0, 0, &loop_table, "repeats steps")                   \
    X(RESPOND, "respond", CONF_OBJECT, respond, 0, 0, &respond_table,                        \
      "sends the response; the steps behind it still run")                                   \
    X(FAIL, "fail", CONF_OBJECT, fail, 0, 0, &fail_table,                                    \
      "misbehaves instead of answering; the handler ends there")

#define STEP_ENUM(id, ...) STEP_##id,
enum step_kind { BACKEND_STEPS(STEP_ENUM) STEP_KIND_COUNT };
#undef STEP_ENUM

struct header_config {
    const char *name;
    const char *value;
};

struct loop_config {
    int64_t times;
    struct conf_list steps; /* struct step */
};

struct respond_config {
    int64_t status;
    uint64_t body;
    bool chunked;
    struct conf_list headers; /* struct header_config */
    const char *fields;       /* the headers as field lines; "" when there are none */
};

struct fail_config {
    int how; /* enum serve_fault */
    double share;
};

struct step {
    int kind; /* enum step_kind */
    const struct cJSON *item;
    union {
        struct {
            const char *name;
            size_t index; /* in backend_config.resources */
        } resource;
        uint64_t alloc;
        int64_t open;
        struct dist time;
        struct loop_config loop;
        struct respond_config respond;
        struct fail_config fail;
    };
};

struct handler_config {
    const char *path;       /* exact, or a prefix when it ends in a slash */
    struct conf_list steps; /* struct step */
    duration timeout;       /* until its response has begun; zero = none */
    bool cancel;            /* ends when its client has gone */
};

struct heap_config {
    int collector;        /* enum heap_collector */
    uint64_t per_request; /* bytes a request allocates in objects of `object` bytes */
    uint64_t live;        /* bytes that are always reachable */
    double growth;        /* a collection is due when so much of the live size was allocated */
    uint64_t object;
};

struct pause_config {
    const char *name;
    struct pause_replay replay;
    struct dist every;
    struct dist duration;
    duration from;
    duration until;
    int64_t count;
    bool injected;
};

struct backend_config {
    const char *address;
    const char *name;
    const char *record; /* NULL = nothing is recorded */
    bool record_requests;
    int64_t seed;
    int cleanup; /* enum cleanup_kind */
    duration keepalive_timeout;
    int64_t backlog;
    int64_t max_connections;
    int64_t descriptor_limit;
    struct conf_list resources; /* struct resource_config */
    struct conf_list handlers;  /* struct handler_config */
    struct heap_config heap;
    struct conf_list pauses; /* struct pause_config */
    struct conf_list faults; /* struct fault_config */
};

extern const struct conf_table backend_conf_table;

/* The table's check: resolves names in steps and finds what the table cannot express. */
enum result backend_config_check(struct conf_read *read, void *object, const struct cJSON *item);

/* As above, for one `respond`, the heap, and a pause. */
enum result respond_config_check(struct conf_read *read, void *object, const struct cJSON *item);
enum result heap_config_check(struct conf_read *read, void *object, const struct cJSON *item);
enum result pause_config_check(struct conf_read *read, void *object, const struct cJSON *item);

/* That the faults are such as a backend can do to itself. */
enum result faults_config_check(struct conf_read *read, const struct backend_config *config);

/* The handler for a path (a request's target up to its query): an exact match, or else the longest
 * path that ends in a slash and starts it. NULL: none. */
const struct handler_config *backend_config_handler(const struct backend_config *config,
                                                    const char *path, size_t length);

#endif
