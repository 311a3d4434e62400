/* SPDX-License-Identifier: MIT */
#include "lab/result/table_blame.h"

#include <string.h>

#include <cjson/cJSON.h>

#define MOST_ROWS 8

static const cJSON *member(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static double number(const cJSON *object, const char *key)
{
    const cJSON *item = member(object, key);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

static const char *text(const cJSON *object, const char *key)
{
    const cJSON *item = member(object, key);
    return cJSON_IsString(item) ? item->valuestring : "";
}

/* What another list has of the same class and name. */
static double count_of(const cJSON *list, const cJSON *wanted)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        if (strcmp(text(item, "class"), text(wanted, "class")) == 0 &&
            strcmp(text(item, "name"), text(wanted, "name")) == 0)
            return number(item, "count");
    }
    return 0;
}

static void print_row(FILE *out, const cJSON *item, double failed, double slow)
{
    char what[64];
    snprintf(what, sizeof(what), "%s %s", text(item, "class"), text(item, "name"));
    fprintf(out, "  %-32s %9.0f %12.0f\n", what, failed, slow);
}

static void print_example(FILE *out, const cJSON *list)
{
    const cJSON *first = list ? list->child : NULL;
    if (first)
        fprintf(out, "      as in: %s\n", text(first, "example"));
}

static void print_variant(FILE *out, const cJSON *variant)
{
    const cJSON *blame = member(variant, "blame"), *item;
    const cJSON *failed = member(blame, "failed"), *slow = member(blame, "slow");
    int rows = 0;
    if (!failed->child && !slow->child)
        return;
    fprintf(out, "\n%-34s %9s %12s\n", text(variant, "label"), "failures", "slowest 1 %");
    cJSON_ArrayForEach(item, failed)
    {
        if (rows++ < MOST_ROWS)
            print_row(out, item, number(item, "count"), count_of(slow, item));
    }
    cJSON_ArrayForEach(item, slow)
    {
        if (count_of(failed, item) == 0 && rows++ < MOST_ROWS)
            print_row(out, item, 0, number(item, "count"));
    }
    if (rows > MOST_ROWS)
        fprintf(out, "  and %d more, in summary.json\n", rows - MOST_ROWS);
    print_example(out, failed);
}

static bool has_blame(const cJSON *summary)
{
    const cJSON *variant;
    cJSON_ArrayForEach(variant, member(summary, "variants"))
    {
        const cJSON *blame = member(variant, "blame");
        if (cJSON_GetArraySize(member(blame, "failed")) > 0)
            return true;
    }
    return false;
}

/* Without a failure nobody asks whom to blame. */
void table_print_blame(FILE *out, const cJSON *summary)
{
    const cJSON *variant, *note;
    if (!has_blame(summary))
        return;
    fputs("\nwhat is behind the failures", out);
    cJSON_ArrayForEach(variant, member(summary, "variants")) print_variant(out, variant);
    cJSON_ArrayForEach(variant, member(summary, "variants"))
        cJSON_ArrayForEach(note, member(member(variant, "blame"), "notes"))
            fprintf(out, "  %s: %s\n", text(variant, "label"), note->valuestring);
}
