/* SPDX-License-Identifier: MIT */
/* What a column of a record says, ready to be exported: the one place where stored bytes become
 * numbers and texts, for JSON, CSV and SQLite alike. */
#ifndef TAILGATE_LIB_RECORD_VALUE_H
#define TAILGATE_LIB_RECORD_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/record/columns.h"
#include "lib/record/reader.h"

enum value_type { VALUE_NULL, VALUE_INTEGER, VALUE_TEXT };

#define VALUE_SCRATCH (3 * sizeof(record_TEXT112)) /* every byte as %XX */
#define VALUE_TIME    28                           /* "2026-11-23T08:00:00.123456Z" */
#define VALUE_DIGITS  20                           /* of the largest 64-bit number */

struct column_value {
    enum value_type type;
    bool plain;       /* a text of printable ASCII without quotes and backslashes */
    uint64_t integer; /* VALUE_INTEGER */
    const char *text; /* VALUE_TEXT; lives in the record, in the source, in a table or below */
    size_t length;
    char scratch[VALUE_SCRATCH];
};

/* Bytes of TEXT columns that are not printable ASCII come out as %XX: they were sent by strangers
 * and may have been cut in the middle of a character. */
void column_read(struct column_value *value, const struct column *column, const void *record,
                 const struct record_source *source);

/* The moment the record is about, as UTC with microseconds and a NUL; false when the kind has none
 * or it was not reached. */
bool record_time(char out[VALUE_TIME], const struct record_source *source,
                 const struct record_layout *layout, const void *record);

/* Writes the digits of `number` without a NUL and returns how many they are. */
size_t value_digits(char *out, uint64_t number);

#endif
