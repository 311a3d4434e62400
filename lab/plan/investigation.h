/* SPDX-License-Identifier: MIT */
/* What a run can be asked to find out: the table of investigations, and what each wants to vary.
 * How the answers are found stands in lab/investigate/. */
#ifndef TAILGATE_LAB_PLAN_INVESTIGATION_H
#define TAILGATE_LAB_PLAN_INVESTIGATION_H

#include <stdbool.h>

#include "lib/conf/conf.h"

/* Identifier, name, and what it means in the manual. */
#define INVESTIGATIONS(X)                                                                     \
    X(NONE, "none", "nothing beyond what each run reports")                                   \
    X(KEEPALIVE_RACE, "keepalive_race",                                                       \
      "requests lost on pooled connections, by how long these were idle, and which "          \
      "connections.idle_timeout is safe; only it and load.rate vary")                         \
    X(PAUSE_MAP, "pause_map",                                                                 \
      "what requests end in, by a fault's pause, timeout.response and, if it varies, health") \
    X(TIMEOUT_LADDER, "timeout_ladder",                                                       \
      "who gives requests up, and what the backends did for nobody, by load.timeout, "        \
      "timeout.response and a handler's timeout")                                             \
    X(METASTABILITY, "metastability",                                                         \
      "how long after the last fault requests succeed as before it, by retry.budget")

#define INVESTIGATION_ENUM(id, ...) INVESTIGATION_##id,
enum investigation { INVESTIGATIONS(INVESTIGATION_ENUM) INVESTIGATION_COUNT };

/* A JSON Pointer that begins and ends so. */
struct investigation_axis {
    const char *begin, *end;
    bool needed;
    const char *name; /* stands over its values; NULL: there is no such axis */
};

#define INVESTIGATION_AXES 3

struct investigation_row {
    const char *question; /* stands over the answer */
    bool wants_served;    /* the backends' records of their requests */
    struct investigation_axis axes[INVESTIGATION_AXES];
};

const struct investigation_row *investigation_row(enum investigation investigation);

/* The names, for CONF_ENUM. */
extern const char *const investigation_choices[INVESTIGATION_COUNT + 1];

/* That the variants (an object of JSON Pointers, or NULL) are such as the investigation wants. */
enum result investigation_check(struct conf_read *read, enum investigation investigation,
                                const struct cJSON *variants) MUST_USE;

/* The value that an axis has in a variant, out of the variant's object of values; NULL: it does not
 * vary. */
const struct cJSON *investigation_value(enum investigation investigation, size_t axis,
                                        const struct cJSON *values);

#endif
