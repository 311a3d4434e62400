/* SPDX-License-Identifier: MIT */
/* Whether an item can be what a table describes, before its values are looked at. */
#ifndef TAILGATE_LIB_CONF_SHAPE_H
#define TAILGATE_LIB_CONF_SHAPE_H

#include "lib/conf/read.h"

/* Editors look under this key for the schema of a file; the outermost object may have it. */
#define CONF_SCHEMA_KEY "$schema"

/* The item is an object or a shorthand, has known keys alone, and exactly one where the table wants
 * one; else the error is set. */
enum result conf_check_shape(struct conf_read *read, const struct conf_table *table,
                             const cJSON *item) MUST_USE;

#endif
