/* SPDX-License-Identifier: MIT */
/* What a backend counts, and says of it in its log and records. */
#ifndef TAILGATE_BACKEND_COUNTS_H
#define TAILGATE_BACKEND_COUNTS_H

#include <stdint.h>

#include "lib/record/tables.h"
#include "lib/serve/serve.h"

struct service;

/* What goes wrong by itself: identifier and text for the log. */
#define BACKEND_FAILURES(X)                                              \
    X(DESCRIPTORS, "open steps found no descriptor left")                \
    X(DEADLOCK, "acquire steps would have waited for their own request") \
    X(ACCEPT, "times there was no descriptor left for a connection")

#define FAILURE_ENUM(id, text) FAILURE_##id,
enum failure { BACKEND_FAILURES(FAILURE_ENUM) FAILURE_COUNT };
#undef FAILURE_ENUM

struct counts {
    uint64_t requests;
    uint64_t unknown_paths;
    uint64_t abandoned; /* the client left before the response was written */
    uint64_t collections, pauses;
    uint64_t faults[SERVE_FAULT_COUNT]; /* `fail` steps that happened */
    uint64_t failures[FAILURE_COUNT];
    uint64_t failures_logged[FAILURE_COUNT];
};

/* To be called before the others. */
void counts_open(struct service *service);

/* Counts it; the log says once a second how many there were. */
void counts_failed(struct service *service, enum failure failure);

/* Records that something of the process as a whole changed. */
void counts_record_state(struct service *service, enum state_kind kind, uint64_t value);

/* Says in the log what there was in all. */
void counts_log(const struct service *service);

#endif
