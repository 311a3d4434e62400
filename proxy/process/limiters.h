/* SPDX-License-Identifier: MIT */
/* Limits on requests under way as the process knows them: one goes on when a reload brings a
 * configuration that limits the same upstream or route, so that the requests of both together stay
 * within it. The main thread makes, finds and releases them; workers use what is in them. */
#ifndef TAILGATE_PROXY_PROCESS_LIMITERS_H
#define TAILGATE_PROXY_PROCESS_LIMITERS_H

#include "proxy/rules/episode.h"
#include "proxy/rules/permits.h"

struct generation;
struct proxy_config;

struct limiter {
    struct permits permits;
    atomic_int waiting; /* requests in the queues of all workers */
    struct episode shedding;
    uint16_t name_id; /* in records */
    int uses;         /* by generations */
};

/* One limiter per upstream, then one per route; NULL for those without a limit. */
size_t limiters_count(const struct proxy_config *config);

/* Whose limit it is, and how many requests it lets through. */
const char *limiter_name(const struct proxy_config *config, size_t number);
const struct concurrency_config *limiter_config(const struct proxy_config *config, size_t number);

/* Finds those that other generations have of the same upstreams and routes, and makes the others.
 * They limit nothing before limiters_configure has said how much. */
struct limiter **limiters_new(const struct generation *generation);

/* From now on they go by this generation's configuration. */
void limiters_configure(const struct generation *generation);

/* The generation's use of them ends. */
void limiters_drop(struct generation *generation);

#endif
