/* SPDX-License-Identifier: MIT */
/* Keys that stand twice in one object. */
#ifndef TAILGATE_LIB_CONF_DUPLICATE_H
#define TAILGATE_LIB_CONF_DUPLICATE_H

#include "lib/conf/doc.h"

/* An error at the first key in a tree that repeats one of its object. */
enum result conf_check_duplicates(const struct conf_doc *doc, const cJSON *tree,
                                  struct error *error) MUST_USE;

#endif
