/* SPDX-License-Identifier: MIT */
/* Checks that a cleaned text is JSON and notes where each value stands. cJSON, which builds the
 * tree, keeps no offsets and forgives much; after this walk it meets only what is valid. */
#ifndef TAILGATE_LIB_CONF_SCAN_H
#define TAILGATE_LIB_CONF_SCAN_H

#include "lib/conf/text.h"

/* Where a value stands, and the key before it (the value itself when it has none). */
struct conf_place {
    size_t key, value;
};

/* On success `places` (the caller frees it) holds a place for each value, parents before their
 * members, members in the order of the text. */
bool conf_scan(const char *text, struct conf_place **places, struct conf_flaw *flaw) MUST_USE;

#endif
