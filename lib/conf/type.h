/* SPDX-License-Identifier: MIT */
/* What is known about each type of value: one row per type, from which the reader's checks and
 * messages, the schema and the manual come. */
#ifndef TAILGATE_LIB_CONF_TYPE_H
#define TAILGATE_LIB_CONF_TYPE_H

#include <cjson/cJSON.h>

#include "lib/conf/conf.h"

struct conf_type_facts {
    const char *noun;    /* "a duration" */
    const char *form;    /* how it is written, for messages */
    const char *pattern; /* of its text form, as JSON Schema has patterns; NULL = any text */
    int accepts;         /* the cJSON types it may be written as */
    size_t size;         /* of the C type; 0 = the sub-table's */
    bool whole;          /* as a number it has no fraction */
    bool points_back;    /* what was read may point into the tree */
};

const struct conf_type_facts *conf_type_facts(enum conf_type type);

/* "a string", "true or false": what an item is, for messages. */
const char *conf_kind(const cJSON *item);

/* A key without a maximum has one below its minimum. */
bool conf_has_bounds(const struct conf_key *key);
bool conf_has_maximum(const struct conf_key *key);

#define CONF_EXPECTED 640

/* "1ms to 10s", in the unit of the type. Returns `out`. */
const char *conf_bounds(char out[CONF_EXPECTED], const struct conf_key *key);

/* What a value of the key looks like, with its bounds or choices. Returns `out`. */
const char *conf_expected(char out[CONF_EXPECTED], const struct conf_key *key);

size_t conf_choice_count(const struct conf_key *key);

/* The default of a key as a tree, or NULL when it has none that can be read. The caller deletes
 * it. */
cJSON *conf_default(const struct conf_key *key);

#endif
