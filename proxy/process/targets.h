/* SPDX-License-Identifier: MIT */
/* What a DNS name stands for: a set of addresses in an order of their own, so that an answer in
 * another order is the same. Pure. */
#ifndef TAILGATE_PROXY_PROCESS_TARGETS_H
#define TAILGATE_PROXY_PROCESS_TARGETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/ip.h"
#include "lib/net/resolver.h"

struct target {
    struct ip ip;
    uint16_t port;   /* host order; 0: the endpoint's own */
    uint16_t weight; /* 1..TARGET_WEIGHT; 0: the endpoint's own */
};

/* Proportions finer than this are not worth an order of their length. */
enum { TARGET_WEIGHT = 100 };

/* A zeroed one is empty and ready. */
struct targets {
    struct target *items;
    size_t count, room;
};

void targets_add(struct targets *targets, const struct target *target);
void targets_release(struct targets *targets);

/* Puts them in order, leaves out what is there twice, and cuts what is more than `limit`. Returns
 * how many were cut. */
size_t targets_arrange(struct targets *targets, size_t limit);

/* Of two that were arranged. */
bool targets_equal(const struct targets *a, const struct targets *b);

/* Of the records of a service those with the lowest priority (RFC 2782), at the front, in the order
 * of their names; returns how many they are. Their weights become 1..TARGET_WEIGHT. A target "." is
 * no server. */
size_t targets_choose_services(struct dns_record *records, size_t count);

#endif
