/* SPDX-License-Identifier: MIT */
/* Reading of single values: everything but objects, lists and maps. */
#ifndef TAILGATE_LIB_CONF_VALUE_H
#define TAILGATE_LIB_CONF_VALUE_H

#include "lib/conf/read.h"

/* Stores the value of `item`, which is of the key's type, at `member`. */
enum result conf_value_read(struct conf_read *read, const struct conf_key *key, const cJSON *item,
                            void *member) MUST_USE;

/* Whether the item is written as a value of the key may be; else the error is set. */
enum result conf_value_check_type(struct conf_read *read, const struct conf_key *key,
                                  const cJSON *item) MUST_USE;

/* "\"KEY\" WHAT (expected ...)" at the item. `expected` NULL = what the key's type expects. */
enum result conf_value_fail(struct conf_read *read, const struct conf_key *key, const cJSON *item,
                            const char *expected, const char *format, ...) PRINTF_LIKE(5, 6);

#endif
