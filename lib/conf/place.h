/* SPDX-License-Identifier: MIT */
/* Which item of a cJSON tree stands where in the text. */
#ifndef TAILGATE_LIB_CONF_PLACE_H
#define TAILGATE_LIB_CONF_PLACE_H

#include <cjson/cJSON.h>

#include "lib/conf/scan.h"

/* A hash map from items to places. A zeroed one is empty and ready. */
struct conf_places {
    struct conf_places_entry *entries;
    size_t capacity, count;
};

void conf_places_free(struct conf_places *places);

/* NULL when nothing is known about the item. */
const struct conf_place *conf_places_get(const struct conf_places *places, const cJSON *item);

/* Gives each item of a tree the place that the scan of its text found for it. */
void conf_places_attach(struct conf_places *places, const cJSON *tree,
                        const struct conf_place *scanned);

/* Gives a tree the places of another one, member by member; what has no counterpart gets the place
 * of its parent. `original` may be NULL: then all of it stands at `nearest`. */
void conf_places_copy(struct conf_places *places, const cJSON *tree, const cJSON *original,
                      struct conf_place nearest);

#endif
