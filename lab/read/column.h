/* SPDX-License-Identifier: MIT */
/* What stands in a column of a row. */
#ifndef TAILGATE_LAB_READ_COLUMN_H
#define TAILGATE_LAB_READ_COLUMN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/record/cause.h"

struct sqlite3_stmt;

/* NULL for NULL; valid until the next row. */
const char *column_text(struct sqlite3_stmt *row, int column);
const char *column_text_or_empty(struct sqlite3_stmt *row, int column);

/* A length of time, which is never negative: -1 when it is not known. */
int64_t column_length(struct sqlite3_stmt *row, int column);

/* CAUSE_NONE also for NULL, and for what is no cause. */
enum cause column_cause(struct sqlite3_stmt *row, int column);

/* The key of a trace id (lab/read/keymap.h); false when it is none. */
bool column_trace_key(struct sqlite3_stmt *row, int column, uint64_t *key);

#endif
