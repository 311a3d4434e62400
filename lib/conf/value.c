/* SPDX-License-Identifier: MIT */
#include "lib/conf/value.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/units.h"
#include "lib/conf/address.h"
#include "lib/conf/distribution.h"
#include "lib/conf/message.h"
#include "lib/conf/type.h"

/* Up to here a double holds every whole number. */
#define LARGEST_WHOLE 0x1p53

enum result conf_value_fail(struct conf_read *read, const struct conf_key *key, const cJSON *item,
                            const char *expected, const char *format, ...)
{
    char what[256], form[CONF_EXPECTED];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    return conf_fail(read, item, "%s\"%s\" %s (expected %s)",
                     key->flags & CONF_ENTRY ? "an entry of " : "", key->name, what,
                     expected ? expected : conf_expected(form, key));
}

enum result conf_value_check_type(struct conf_read *read, const struct conf_key *key,
                                  const cJSON *item)
{
    const struct conf_type_facts *type = conf_type_facts(key->type);
    if (item->type & type->accepts)
        return OK;
    return conf_value_fail(read, key, item, NULL, "must be %s, not %s", type->noun,
                           conf_kind(item));
}

/* The value as its author wrote it, for messages. */
static const char *quote(char out[CONF_QUOTE], const cJSON *item)
{
    if (cJSON_IsString(item))
        return conf_quote(out, item->valuestring);
    snprintf(out, CONF_QUOTE, "%.16g", item->valuedouble);
    return out;
}

static enum result malformed(struct conf_read *read, const struct conf_key *key, const cJSON *item)
{
    char text[CONF_QUOTE], form[CONF_EXPECTED], expected[2 * CONF_EXPECTED];
    snprintf(expected, sizeof(expected), "%s%s%s", conf_expected(form, key), key->hint ? "; " : "",
             key->hint ? key->hint : "");
    return conf_value_fail(read, key, item, expected, "is %s, not %s", quote(text, item),
                           conf_type_facts(key->type)->noun);
}

static enum result check_bounds(struct conf_read *read, const struct conf_key *key,
                                const cJSON *item, double value)
{
    bool below = conf_has_bounds(key) && value < key->min;
    bool above = conf_has_maximum(key) && value > key->max;
    if (!below && !above)
        return OK;
    char text[CONF_QUOTE], bounds[CONF_EXPECTED];
    return conf_value_fail(read, key, item, conf_bounds(bounds, key), "is %s, out of bounds",
                           quote(text, item));
}

static enum result read_bool(struct conf_read *read, const struct conf_key *key, const cJSON *item,
                             void *member)
{
    *(bool *)member = cJSON_IsTrue(item);
    return OK;
}

static enum result read_int(struct conf_read *read, const struct conf_key *key, const cJSON *item,
                            void *member)
{
    double value = item->valuedouble;
    if (!(fabs(value) <= LARGEST_WHOLE) || floor(value) != value)
        return malformed(read, key, item);
    *(int64_t *)member = (int64_t)value;
    return check_bounds(read, key, item, value);
}

static enum result read_number(struct conf_read *read, const struct conf_key *key,
                               const cJSON *item, void *member)
{
    if (!isfinite(item->valuedouble))
        return malformed(read, key, item);
    *(double *)member = item->valuedouble;
    return check_bounds(read, key, item, item->valuedouble);
}

static enum result read_string(struct conf_read *read, const struct conf_key *key,
                               const cJSON *item, void *member)
{
    size_t length = strlen(item->valuestring);
    if (length == 0 && (key->flags & CONF_NOT_EMPTY))
        return conf_value_fail(read, key, item, NULL, "is empty");
    *(const char **)member = arena_text(read->arena, item->valuestring, length);
    return OK;
}

static enum result read_duration(struct conf_read *read, const struct conf_key *key,
                                 const cJSON *item, void *member)
{
    duration *value = member;
    if (!units_parse_duration(item->valuestring, value))
        return malformed(read, key, item);
    return check_bounds(read, key, item, (double)value->ns);
}

static enum result read_size(struct conf_read *read, const struct conf_key *key, const cJSON *item,
                             void *member)
{
    uint64_t *value = member;
    if (cJSON_IsString(item)) {
        if (!units_parse_size(item->valuestring, value))
            return malformed(read, key, item);
    } else {
        double bytes = item->valuedouble;
        if (!(bytes >= 0 && bytes <= LARGEST_WHOLE) || floor(bytes) != bytes)
            return malformed(read, key, item);
        *value = (uint64_t)bytes;
    }
    return check_bounds(read, key, item, (double)*value);
}

static enum result read_rate(struct conf_read *read, const struct conf_key *key, const cJSON *item,
                             void *member)
{
    double *value = member;
    if (!units_parse_rate(item->valuestring, value))
        return malformed(read, key, item);
    return check_bounds(read, key, item, *value);
}

static enum result read_share(struct conf_read *read, const struct conf_key *key, const cJSON *item,
                              void *member)
{
    double *value = member;
    if (!units_parse_share(item->valuestring, value))
        return malformed(read, key, item);
    return check_bounds(read, key, item, *value);
}

static enum result read_dist(struct conf_read *read, const struct conf_key *key, const cJSON *item,
                             void *member)
{
    if (cJSON_IsObject(item))
        return conf_distribution_read(read, key, item, member);
    struct error why;
    if (dist_parse(member, item->valuestring, &why) == OK)
        return OK;
    return conf_fail(read, item, "\"%s\": %s", key->name, why.text);
}

static enum result read_address(struct conf_read *read, const struct conf_key *key,
                                const cJSON *item, void *member)
{
    if (!conf_is_address(item->valuestring))
        return malformed(read, key, item);
    return read_string(read, key, item, member);
}

/* The index of a choice; -1 and an error when it is none. */
static int find_choice(struct conf_read *read, const struct conf_key *key, const cJSON *item)
{
    size_t count = conf_choice_count(key);
    for (size_t i = 0; i < count; i++)
        if (strcmp(item->valuestring, key->choices[i]) == 0)
            return (int)i;
    const char *nearest = conf_nearest(item->valuestring, key->choices, count);
    char names[CONF_NAMES], text[CONF_QUOTE], expected[CONF_NAMES + 96];
    snprintf(expected, sizeof(expected), "%s%s%s%s", conf_list_names(names, key->choices, count),
             nearest ? ", nearest \"" : "", nearest ? nearest : "", nearest ? "\"" : "");
    conf_value_fail(read, key, item, expected, "is %s, not one of its choices", quote(text, item));
    return -1;
}

static enum result read_enum(struct conf_read *read, const struct conf_key *key, const cJSON *item,
                             void *member)
{
    int choice = find_choice(read, key, item);
    *(int *)member = choice;
    return choice < 0 ? FAILED_INPUT : OK;
}

static enum result read_flags(struct conf_read *read, const struct conf_key *key, const cJSON *item,
                              void *member)
{
    struct conf_key entry = *key;
    entry.type = CONF_ENUM;
    entry.flags = CONF_ENTRY;
    unsigned flags = 0;
    if (!item->child && (key->flags & CONF_NOT_EMPTY))
        return conf_value_fail(read, key, item, NULL, "is empty");
    for (const cJSON *child = item->child; child; child = child->next) {
        int choice;
        enum result result = conf_value_read(read, &entry, child, &choice);
        if (result != OK)
            return result;
        flags |= 1u << choice;
    }
    *(unsigned *)member = flags;
    return OK;
}

static enum result read_raw(struct conf_read *read, const struct conf_key *key, const cJSON *item,
                            void *member)
{
    *(const cJSON **)member = item;
    return OK;
}

enum result conf_value_read(struct conf_read *read, const struct conf_key *key, const cJSON *item,
                            void *member)
{
    static enum result (*const readers[])(struct conf_read *, const struct conf_key *,
                                          const cJSON *, void *) = {
        [CONF_BOOL] = read_bool,       [CONF_INT] = read_int,           [CONF_NUMBER] = read_number,
        [CONF_STRING] = read_string,   [CONF_DURATION] = read_duration, [CONF_SIZE] = read_size,
        [CONF_RATE] = read_rate,       [CONF_SHARE] = read_share,       [CONF_DIST] = read_dist,
        [CONF_ADDRESS] = read_address, [CONF_ENUM] = read_enum,         [CONF_FLAGS] = read_flags,
        [CONF_RAW] = read_raw,
    };
    enum result result = conf_value_check_type(read, key, item);
    return result == OK ? readers[key->type](read, key, item, member) : result;
}
