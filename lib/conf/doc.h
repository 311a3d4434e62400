/* SPDX-License-Identifier: MIT */
/* The inside of a document, for the reader. */
#ifndef TAILGATE_LIB_CONF_DOC_H
#define TAILGATE_LIB_CONF_DOC_H

#include "lib/conf/conf.h"
#include "lib/conf/place.h"

struct conf_doc {
    char *name; /* the path, as it was given */
    char *text; /* with its comments blanked out */
    cJSON *root;
    struct conf_places *places;
    cJSON *defaults; /* an array: trees made from the defaults of tables, which the structs that
                        were read may point into */
};

/* The place of an item or of its nearest known parent; NULL when it is not in the tree. */
const struct conf_place *conf_doc_place(const struct conf_doc *doc, const cJSON *item);

/* Keeps a tree for as long as the document lives; it stands where `nearest` says. */
void conf_doc_keep(const struct conf_doc *doc, cJSON *tree, struct conf_place nearest);

/* "FILE:LINE:COL: message" at an offset. */
enum result conf_doc_fail(const struct conf_doc *doc, size_t offset, struct error *error,
                          const char *format, va_list args) __attribute__((format(printf, 4, 0)));

#endif
