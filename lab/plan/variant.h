/* SPDX-License-Identifier: MIT */
/* The variants of an experiment: JSON Pointers into the file, each with a list of values. A value
 * may be written { "label": "slow", "value": ... }, with what it is called in tables. Every element
 * of their product is the whole experiment read again with its values in place, so that what holds
 * for the file holds for each variant. */
#ifndef TAILGATE_LAB_PLAN_VARIANT_H
#define TAILGATE_LAB_PLAN_VARIANT_H

#include "lab/plan/experiment.h"

struct variant {
    char *label;                  /* the values, joined by ", "; "baseline" when nothing varies */
    char *gateway;                /* the label of what "/gateway" is; "" when that does not vary */
    char *rest;                   /* the label without it */
    struct cJSON *values;         /* an object: pointer -> value */
    struct conf_doc *doc;         /* the file's tree with the values in place */
    struct experiment experiment; /* read from it */
    struct arena arena;           /* of the experiment */
    struct cJSON *detached;       /* what was taken out of the tree: the places of a document go
                                     by its nodes, so none is freed before the document is */
};

struct variants {
    struct variant *items;
    size_t count;
    char *text; /* the experiment file, NUL-ended */
    size_t length;
};

/* Reads the file and makes its variants. Messages name their place in the file. */
enum result variants_read(struct variants *variants, const char *path,
                          struct error *error) MUST_USE;

/* As variants_read, from a text; `name` stands in messages. Takes `text` over. */
enum result variants_parse(struct variants *variants, const char *name, char *text, size_t length,
                           struct error *error) MUST_USE;

/* Harmless on a zeroed one. */
void variants_free(struct variants *variants);

/* Puts `item` (taken over) into an object of the variant's tree under `key`; what stood there
 * before is kept aside. With a NULL item the key is only taken out. */
void variant_put(struct variant *variant, struct cJSON *object, const char *key,
                 struct cJSON *item);

#endif
