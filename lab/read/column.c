/* SPDX-License-Identifier: MIT */
#include "lab/read/column.h"

#include <sqlite3.h>

#include "lab/read/keymap.h"

const char *column_text(sqlite3_stmt *row, int column)
{
    return (const char *)sqlite3_column_text(row, column);
}

const char *column_text_or_empty(sqlite3_stmt *row, int column)
{
    const char *text = column_text(row, column);
    return text ? text : "";
}

int64_t column_length(sqlite3_stmt *row, int column)
{
    return sqlite3_column_type(row, column) == SQLITE_NULL ? -1 : sqlite3_column_int64(row, column);
}

enum cause column_cause(sqlite3_stmt *row, int column)
{
    const char *name = column_text(row, column);
    enum cause cause = name ? cause_by_name(name) : CAUSE_NONE;
    return cause < CAUSE_COUNT ? cause : CAUSE_NONE;
}

bool column_trace_key(sqlite3_stmt *row, int column, uint64_t *key)
{
    const char *text = column_text(row, column);
    return text && keymap_trace_key(text, (size_t)sqlite3_column_bytes(row, column), key);
}
