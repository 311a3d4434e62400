/* SPDX-License-Identifier: MIT */
/* Buckets by key (a client, an API key), in a table of fixed size that workers share without a
 * lock. A bucket that owes nothing needs no memory: its place goes to the next key that wants one.
 */
#ifndef TAILGATE_PROXY_RULES_RATE_TABLE_H
#define TAILGATE_PROXY_RULES_RATE_TABLE_H

#include <stddef.h>

#include "proxy/rules/rate.h"

struct rate_slot {
    _Atomic uint64_t key; /* 0: never used */
    struct rate_bucket bucket;
};

struct rate_table {
    struct rate_slot *slots;
    size_t mask;             /* their number, a power of two, less one */
    struct rate_bucket rest; /* of the keys for which there is no place */
};

/* Room for `keys` keys that are being limited at the same time. */
void rate_table_init(struct rate_table *table, size_t keys);
void rate_table_release(struct rate_table *table);

/* Carries over what the keys of another table have left at `now` (see rate_carry) to one that has
 * not been used. */
void rate_table_carry(const struct rate_rule *from_rule, struct rate_table *from,
                      const struct rate_rule *to_rule, struct rate_table *to, mono now);

/* The key's bucket; `table->rest` when there is no place for it: those keys share one, so that a
 * flood of invented keys is limited as a whole. `key` is a hash. */
struct rate_bucket *rate_table_find(struct rate_table *table, const struct rate_rule *rule,
                                    uint64_t key, mono now);

#endif
