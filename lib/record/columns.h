/* SPDX-License-Identifier: MIT */
/* The layout of every kind of record as constant tables, generated from tables.h: what is stored,
 * checked and exported is driven by them. */
#ifndef TAILGATE_LIB_RECORD_COLUMNS_H
#define TAILGATE_LIB_RECORD_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/record/tables.h"

/* One row per column type: identifier, SQLite type, suffix of the exported column's name (the
 * unit), how many values an enumeration has (0: not one), the function that names them. */
/* clang-format off */
#define COLUMN_TYPES(X)                                                                            \
    X(U16, "INTEGER", "", 0, NULL)                                                                 \
    X(U32, "INTEGER", "", 0, NULL)                                                                 \
    X(U64, "INTEGER", "", 0, NULL)                                                                 \
    X(BOOL, "INTEGER", "", 0, NULL)                                                                \
    X(MONO, "INTEGER", "_ns", 0, NULL)                                                             \
    X(SPAN, "INTEGER", "_ns", 0, NULL)                                                             \
    X(NAME, "TEXT", "", 0, NULL)                                                                   \
    X(NAMES, "TEXT", "", 0, NULL)                                                                  \
    X(CAUSE, "TEXT", "", CAUSE_COUNT, cause_text)                                                  \
    X(TRACE, "TEXT", "", 0, NULL)                                                                  \
    X(PEER, "TEXT", "", 0, NULL)                                                                   \
    X(TEXT16, "TEXT", "", 0, NULL)                                                                 \
    X(TEXT112, "TEXT", "", 0, NULL)                                                                \
    X(CLIENT_ERROR, "TEXT", "", CLIENT_ERROR_COUNT, client_error_text)                             \
    X(PAUSE_KIND, "TEXT", "", PAUSE_KIND_COUNT, pause_kind_text)                                   \
    X(STATE_KIND, "TEXT", "", STATE_KIND_COUNT, state_kind_text)
/* clang-format on */

#define COLUMN_TYPE_ENUM(id, ...) COLUMN_##id,
enum column_type { COLUMN_TYPES(COLUMN_TYPE_ENUM) COLUMN_TYPE_COUNT };
#undef COLUMN_TYPE_ENUM

struct column_type_row {
    const char *name;
    const char *sql;
    const char *suffix;
    uint16_t value_count;
    const char *(*value_name)(uint16_t value);
};

struct column {
    const char *name; /* without the suffix */
    const char *text;
    enum column_type type;
    uint16_t offset, size;
};

struct record_layout {
    const char *name;
    const struct column *columns;
    uint16_t column_count;
    uint16_t size; /* of the struct */
};

/* Enough for the columns of every kind. */
#define COLUMNS_MAX 32

const struct column_type_row *column_type_row(enum column_type type);
const struct record_layout *record_layout(enum record_kind kind);

/* A record whose columns all say nothing (NULL, or 0 where there is no NULL): where an entry of a
 * segment ends early, the rest is as in this one. */
struct record_blank {
    const void *record;
    size_t size; /* of the struct, a multiple of 8 */
};

const struct record_blank *record_blank(enum record_kind kind);

/* A hash of every table above and of the enumerations' names: two builds that agree on it read each
 * other's segments. */
uint64_t record_layout_hash(void);

/* Whether the record holds only values that its columns allow; otherwise sets `*culprit`. */
bool record_is_valid(const struct record_layout *layout, const void *record, uint16_t name_count,
                     const struct column **culprit);

#endif
