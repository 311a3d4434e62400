/* SPDX-License-Identifier: MIT */
#include "lib/conf/distribution.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/units.h"
#include "lib/conf/message.h"
#include "lib/conf/value.h"

struct written {
    const cJSON *quantiles;
    const cJSON *replay;
    int which;
};

static const struct conf_key written_keys[] = {
    {.name = "quantiles",
     .type = CONF_RAW,
     .offset = offsetof(struct written, quantiles),
     .meaning = "Quantiles and their durations, such as {\"p50\": \"2ms\", \"p99.9\": \"300ms\"}."},
    {.name = "replay",
     .type = CONF_RAW,
     .offset = offsetof(struct written, replay),
     .meaning = "A file of values that are taken one after the other: one a line, a duration or a "
                "number of milliseconds. Relative to the folder of the configuration."},
};

const struct conf_table conf_distribution_table = {
    .name = "distribution",
    .meaning = "A random length of time that no formula describes.",
    .size = sizeof(struct written),
    .keys = written_keys,
    .key_count = ARRAY_LEN(written_keys),
    .item_offset = CONF_NO_ITEM,
    .one_key = true,
    .which_offset = offsetof(struct written, which),
};

struct quantile {
    double percent;
    duration value;
    const cJSON *item;
};

static int compare_quantiles(const void *a, const void *b)
{
    const struct quantile *left = a, *right = b;
    return (left->percent > right->percent) - (left->percent < right->percent);
}

/* "p99.9": "300ms" */
static enum result read_quantile(struct conf_read *read, const cJSON *item,
                                 struct quantile *quantile)
{
    char name[CONF_QUOTE];
    if (item->string[0] != 'p' || !units_parse_number(item->string + 1, &quantile->percent) ||
        quantile->percent <= 0 || quantile->percent >= 100)
        return conf_fail_key(read, item,
                             "%s is not a quantile (expected p and a number between 0 and 100, "
                             "for example \"p99.9\")",
                             conf_quote(name, item->string));
    struct conf_key key = {.name = item->string, .type = CONF_DURATION};
    quantile->item = item;
    return conf_value_read(read, &key, item, &quantile->value);
}

/* The quantiles are in rising order now, whatever their order in the file. */
static enum result check_order(struct conf_read *read, const struct quantile *quantiles,
                               size_t count)
{
    for (size_t i = 1; i < count; i++) {
        const struct quantile *low = &quantiles[i - 1], *high = &quantiles[i];
        char name[CONF_QUOTE], other[CONF_QUOTE];
        conf_quote(name, high->item->string);
        conf_quote(other, low->item->string);
        if (high->percent <= low->percent)
            return conf_fail_key(read, high->item,
                                 "%s is the same quantile as %s (expected each once)", name, other);
        if (high->value.ns < low->value.ns)
            return conf_fail(read, high->item, "%s is below %s (expected values that do not fall)",
                             name, other);
    }
    return OK;
}

static enum result make_distribution(struct conf_read *read, const cJSON *item,
                                     const struct quantile *quantiles, size_t count,
                                     struct dist *dist)
{
    struct dist_point *points = arena_alloc(read->arena, count * sizeof(*points));
    for (size_t i = 0; i < count; i++)
        points[i] = (struct dist_point){quantiles[i].percent / 100, quantiles[i].value};
    struct error why;
    enum result result = dist_from_quantiles(dist, points, count, &why);
    return result == OK ? OK : conf_fail(read, item, "\"quantiles\": %s", why.text);
}

static enum result read_quantiles(struct conf_read *read, const cJSON *item, struct dist *dist)
{
    struct conf_key key = {.name = "quantiles", .type = CONF_MAP};
    enum result result = conf_value_check_type(read, &key, item);
    if (result == OK && !item->child)
        result = conf_value_fail(read, &key, item, NULL, "is empty");
    if (result != OK)
        return result;
    size_t count = 0, capacity = (size_t)cJSON_GetArraySize(item);
    struct quantile *quantiles = mem_alloc(capacity, sizeof(*quantiles));
    for (const cJSON *child = item->child; child && result == OK; child = child->next)
        result = read_quantile(read, child, &quantiles[count++]);
    qsort(quantiles, count, sizeof(*quantiles), compare_quantiles);
    if (result == OK)
        result = check_order(read, quantiles, count);
    if (result == OK)
        result = make_distribution(read, item, quantiles, count, dist);
    free(quantiles);
    return result;
}

enum result conf_distribution_read(struct conf_read *read, const struct conf_key *key,
                                   const cJSON *item, struct dist *dist)
{
    struct written written;
    enum result result = conf_read_table(read, item, &conf_distribution_table, &written, NULL);
    if (result != OK)
        return result;
    return written.quantiles ? read_quantiles(read, written.quantiles, dist)
                             : conf_replay_read(read, written.replay, dist);
}
