/* SPDX-License-Identifier: MIT */
/* Tables that use every type and every feature of the configuration reader. */
#ifndef TAILGATE_TESTS_UNIT_CONF_SAMPLE_H
#define TAILGATE_TESTS_UNIT_CONF_SAMPLE_H

#include "lib/base/dist.h"
#include "lib/conf/conf.h"

enum sample_cleanup { SAMPLE_INLINE, SAMPLE_DEFERRED, SAMPLE_POOLED };
enum sample_step_kind { SAMPLE_STEP_IO, SAMPLE_STEP_ACQUIRE, SAMPLE_STEP_LOOP };

struct sample_step {
    int which;
    struct dist io;
    const char *acquire;
    struct conf_list loop; /* of struct sample_step */
};

struct sample_endpoint {
    const char *address;
    int64_t weight;
    const struct cJSON *item;
};

struct sample_upstream {
    const char *name;
    struct conf_list endpoints; /* of struct sample_endpoint */
};

struct sample_timeout {
    duration connect, total;
};

struct sample {
    bool enabled;
    int64_t workers, seed;
    double factor;
    const char *label;
    duration period;
    uint64_t body;
    double rate, budget;
    struct dist delay;
    const char *admin;
    int cleanup;
    unsigned on;
    struct sample_timeout timeout, own_timeout;
    struct sample_endpoint server;
    struct conf_list ports;     /* of int64_t */
    struct conf_list tags;      /* of const char * */
    struct conf_list upstreams; /* of struct sample_upstream */
    struct conf_list steps;     /* of struct sample_step */
    const struct cJSON *raw;
};

extern const struct conf_table sample_table;
extern const struct conf_table sample_endpoint_table;

/* A document and the sample read from it. */
struct sample_reading {
    struct conf_doc *doc;
    struct arena arena;
    struct sample sample;
    struct error error;
};

/* Parses and reads a text as the file "c.json". Call sample_end whatever the result is. */
enum result sample_begin(struct sample_reading *reading, const char *text, size_t length) MUST_USE;
void sample_end(struct sample_reading *reading);

#endif
