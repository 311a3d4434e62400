/* SPDX-License-Identifier: MIT */
/* The inside of a reading in progress. */
#ifndef TAILGATE_LIB_CONF_READ_H
#define TAILGATE_LIB_CONF_READ_H

#include "lib/conf/doc.h"

/* An object that is being read, and the one around it. */
struct conf_frame {
    const cJSON *item;
    const struct conf_frame *outer;
};

struct conf_read {
    const struct conf_doc *doc;
    struct arena *arena;
    struct error *error;
    const struct conf_frame *frame;
};

/* The key is that of an entry of a list: messages say so. Beside enum conf_key_flags. */
#define CONF_ENTRY (1u << 31)

/* Reads an object by its table; `name` is its key in a map, or NULL. */
enum result conf_read_table(struct conf_read *read, const cJSON *item,
                            const struct conf_table *table, void *object,
                            const char *name) MUST_USE;

/* The place of an item, or of the innermost object being read when the document does not have it.
 */
struct conf_place conf_read_place(const struct conf_read *read, const cJSON *item);

/* As conf_fail, at the key of the item. */
enum result conf_fail_key(struct conf_read *read, const cJSON *item, const char *format, ...)
    PRINTF_LIKE(3, 4);

#endif
