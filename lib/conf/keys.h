/* SPDX-License-Identifier: MIT */
/* The keys of a table: its own, and those of its base that it does not have itself. */
#ifndef TAILGATE_LIB_CONF_KEYS_H
#define TAILGATE_LIB_CONF_KEYS_H

#include "lib/conf/conf.h"

/* A walk over them; start with a zeroed `next`. */
struct conf_keys {
    const struct conf_table *table;
    size_t next;
};

/* The next key, or NULL behind the last. `shift` is what its offset counts from. */
const struct conf_key *conf_keys_next(struct conf_keys *keys, size_t *shift);

/* The key of that name, or NULL. */
const struct conf_key *conf_keys_find(const struct conf_table *table, const char *name);

size_t conf_keys_count(const struct conf_table *table);

#endif
