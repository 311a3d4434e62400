/* SPDX-License-Identifier: MIT */
/* Header fields that faults set and add. */
#ifndef TAILGATE_CHAOS_FAULT_FIELD_H
#define TAILGATE_CHAOS_FAULT_FIELD_H

#include "lib/conf/conf.h"

struct fault_field {
    const char *name, *value;
};

extern const struct conf_table fault_field_table;

/* Why a field of that name cannot be set, added or removed ("is no name ..."), or NULL. What
 * decides where a message ends is no field to be edited: the two sides would lose one another,
 * which is what wrong_length and malformed_chunk are for. */
const char *fault_field_problem(const char *name);

#endif
