/* SPDX-License-Identifier: MIT */
#include "lib/record/columns.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/result.h"
#include "lib/record/cause.h"
#include "lib/record/reader.h"

#define VALUE_NAME(id, name) name,
static const char *const client_errors[] = {CLIENT_ERRORS(VALUE_NAME)};
static const char *const pause_kinds[] = {PAUSE_KINDS(VALUE_NAME)};
static const char *const state_kinds[] = {STATE_KINDS(VALUE_NAME)};

static const char *value_name(const char *const *names, size_t count, unsigned value)
{
    return value < count ? names[value] : "unknown";
}

const char *client_error_name(enum client_error error)
{
    return value_name(client_errors, ARRAY_LEN(client_errors), (unsigned)error);
}

const char *pause_kind_name(enum pause_kind kind)
{
    return value_name(pause_kinds, ARRAY_LEN(pause_kinds), (unsigned)kind);
}

const char *state_kind_name(enum state_kind kind)
{
    return value_name(state_kinds, ARRAY_LEN(state_kinds), (unsigned)kind);
}

static const char *cause_text(uint16_t value)
{
    return cause_row((enum cause)value)->name;
}

static const char *client_error_text(uint16_t value)
{
    return client_error_name((enum client_error)value);
}

static const char *pause_kind_text(uint16_t value)
{
    return pause_kind_name((enum pause_kind)value);
}

static const char *state_kind_text(uint16_t value)
{
    return state_kind_name((enum state_kind)value);
}

/* clang-format off */
#define TYPE_ROW(id, sql, suffix, count, name) [COLUMN_##id] = {#id, sql, suffix, count, name},
static const struct column_type_row types[COLUMN_TYPE_COUNT] = {COLUMN_TYPES(TYPE_ROW)};

/* The struct a column belongs to is not named where the column is written: each kind calls its own
 * struct `here`. */
#define COLUMN_ROW(type, member, text)                                                             \
    {#member, text, COLUMN_##type, offsetof(here, member), sizeof(record_##type)},
#define LAYOUT_CASE(ID, name, COLUMNS)                                                             \
    case RECORD_KIND_##ID: {                                                                       \
        typedef struct name##_record here;                                                         \
        static const struct column columns[] = {COLUMNS(COLUMN_ROW)};                              \
        static const struct record_layout layout = {#name, columns, ARRAY_LEN(columns),            \
                                                    sizeof(here)};                                 \
        _Static_assert(ARRAY_LEN(columns) <= COLUMNS_MAX, "COLUMNS_MAX is too small");             \
        return &layout;                                                                            \
    }
/* clang-format on */

/* What a column of each type has when it says nothing. */
/* clang-format off */
#define BLANK_U16          0
#define BLANK_U32          0
#define BLANK_U64          0
#define BLANK_BOOL         0
#define BLANK_MONO         0
#define BLANK_SPAN         -1
#define BLANK_NAME         NAME_NONE
#define BLANK_NAMES        {{0}, 0}
#define BLANK_CAUSE        CAUSE_NONE
#define BLANK_TRACE        {{0}}
#define BLANK_PEER         {{{0}}, 0, 0}
#define BLANK_TEXT16       ""
#define BLANK_TEXT112      ""
#define BLANK_CLIENT_ERROR CLIENT_ERROR_NONE
#define BLANK_PAUSE_KIND   0
#define BLANK_STATE_KIND   0
/* clang-format on */

#define BLANK_MEMBER(type, member, text) .member = BLANK_##type,
#define BLANK_RECORD(ID, name, COLUMNS)                                       \
    static const struct name##_record blank_##name = {COLUMNS(BLANK_MEMBER)}; \
    _Static_assert(sizeof(blank_##name) % 8 == 0, "a record is made of whole words");
RECORDS(BLANK_RECORD)

#define BLANK_ROW(ID, name, COLUMNS) [RECORD_KIND_##ID] = {&blank_##name, sizeof(blank_##name)},
static const struct record_blank blanks[RECORD_KIND_COUNT] = {RECORDS(BLANK_ROW)};

const struct record_blank *record_blank(enum record_kind kind)
{
    return &blanks[kind];
}

const struct column_type_row *column_type_row(enum column_type type)
{
    return &types[type];
}

const struct record_layout *record_layout(enum record_kind kind)
{
    switch (kind) {
        RECORDS(LAYOUT_CASE)
    case RECORD_KIND_COUNT:
        break;
    }
    abort();
}

const char *record_kind_name(enum record_kind kind)
{
    return record_layout(kind)->name;
}

/* FNV-1a, 64 bits. */
static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t n)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
    return hash_bytes(hash, text, strlen(text) + 1);
}

static uint64_t hash_column(uint64_t hash, const struct column *column)
{
    const struct column_type_row *type = &types[column->type];
    hash = hash_text(hash, column->name);
    hash = hash_text(hash, type->name);
    hash = hash_bytes(hash, &column->offset, sizeof(column->offset));
    hash = hash_bytes(hash, &column->size, sizeof(column->size));
    for (uint16_t value = 0; value < type->value_count; value++)
        hash = hash_text(hash, type->value_name(value));
    return hash;
}

uint64_t record_layout_hash(void)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        const struct record_layout *layout = record_layout((enum record_kind)kind);
        hash = hash_text(hash, layout->name);
        hash = hash_bytes(hash, &layout->size, sizeof(layout->size));
        for (size_t i = 0; i < layout->column_count; i++)
            hash = hash_column(hash, &layout->columns[i]);
    }
    return hash;
}

static bool names_are_valid(const void *at, uint16_t name_count)
{
    struct record_names names;
    memcpy(&names, at, sizeof(names));
    size_t i = 0;
    while (i < RECORD_NAMES && names.of[i] <= name_count)
        i++;
    return i == RECORD_NAMES;
}

static bool value_is_valid(const struct column *column, const void *record, uint16_t name_count)
{
    const struct column_type_row *type = &types[column->type];
    if (column->type == COLUMN_NAMES)
        return names_are_valid((const char *)record + column->offset, name_count);
    if (column->type != COLUMN_NAME && !type->value_count)
        return true;
    uint16_t value;
    memcpy(&value, (const char *)record + column->offset, sizeof(value));
    if (column->type == COLUMN_NAME)
        return value < name_count || value == NAME_NONE;
    return value < type->value_count;
}

bool record_is_valid(const struct record_layout *layout, const void *record, uint16_t name_count,
                     const struct column **culprit)
{
    for (size_t i = 0; i < layout->column_count; i++) {
        if (!value_is_valid(&layout->columns[i], record, name_count)) {
            *culprit = &layout->columns[i];
            return false;
        }
    }
    return true;
}
