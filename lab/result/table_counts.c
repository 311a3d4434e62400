/* SPDX-License-Identifier: MIT */
#include "lab/result/table_counts.h"

#include <stdbool.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "lab/result/json.h"
#include "lib/record/cause.h"

#define MOST_LISTED 6 /* variants of one name; of more, those that count most */

/* What is counted: whether it is there in a variant, and how often then. */
struct counted {
    bool (*count)(const struct counted *counted, const cJSON *variant, double *count);
    const char *cause;  /* its name, or */
    const cJSON *fault; /* one that is like it */
    const char *unit;   /* in the plural, or "" */
};

static void print_count(FILE *out, const struct counted *counted, double count)
{
    int unit = (int)strlen(counted->unit) - (count == 1); /* one time, not 1 times */
    if (unit > 0)
        fprintf(out, " %.0f %.*s", count, unit, counted->unit);
    else
        fprintf(out, " %.0f", count);
}

/* ---- the variants of one name */

/* In how many variants it is, and whether it is in all of them, equally often. */
static int survey(const cJSON *variants, const struct counted *counted, bool *alike)
{
    int found = 0;
    double first = 0, count;
    const cJSON *variant;
    *alike = true;
    cJSON_ArrayForEach(variant, variants)
    {
        if (!counted->count(counted, variant, &count))
            continue;
        if (found++ == 0)
            first = count;
        *alike &= count == first;
    }
    int all = cJSON_GetArraySize(variants);
    *alike &= found == all && all > 1;
    return found;
}

/* The variant that comes behind `last` when those that count most come first, and those that count
 * the same in their own order; `last` is NULL before the first. */
static const cJSON *next_most(const cJSON *variants, const struct counted *counted,
                              const cJSON *last)
{
    const cJSON *variant, *most = NULL;
    double limit = 0, largest = 0, count;
    bool behind = false; /* `last`, in their own order */
    if (last)
        counted->count(counted, last, &limit);
    cJSON_ArrayForEach(variant, variants)
    {
        bool eligible = counted->count(counted, variant, &count) &&
                        (!last || count < limit || (count == limit && behind));
        behind |= variant == last;
        if (eligible && (!most || count > largest)) {
            most = variant;
            largest = count;
        }
    }
    return most;
}

static void print_most(FILE *out, const cJSON *variants, const struct counted *counted, int found)
{
    const cJSON *variant = NULL;
    for (int i = 0; i < MOST_LISTED; i++) {
        double count;
        variant = next_most(variants, counted, variant);
        counted->count(counted, variant, &count);
        fprintf(out, "%s%s:", i > 0 ? "; " : "most in ", json_text(variant, "label"));
        print_count(out, counted, count);
    }
    int rest = found - MOST_LISTED;
    fprintf(out, "; and in %d more variant%s", rest, rest == 1 ? "" : "s");
}

static void print_all(FILE *out, const cJSON *variants, const struct counted *counted)
{
    const char *before = "";
    const cJSON *variant;
    double count;
    cJSON_ArrayForEach(variant, variants)
    {
        if (!counted->count(counted, variant, &count))
            continue;
        fprintf(out, "%s%s", before, json_text(variant, "label"));
        print_count(out, counted, count);
        before = ", ";
    }
}

static void print_variants(FILE *out, const cJSON *variants, const struct counted *counted)
{
    bool alike;
    double count = 0;
    int found = survey(variants, counted, &alike);
    if (alike) {
        counted->count(counted, variants->child, &count);
        fputs("in each variant", out);
        print_count(out, counted, count);
    } else if (found > MOST_LISTED) {
        print_most(out, variants, counted, found);
    } else {
        print_all(out, variants, counted);
    }
    fputc('\n', out);
}

/* ---- causes */

static bool count_cause(const struct counted *counted, const cJSON *variant, double *count)
{
    *count = json_number(json_member(variant, "causes"), counted->cause);
    return *count > 0;
}

static bool is_anywhere(const cJSON *variants, const struct counted *counted)
{
    bool alike;
    return survey(variants, counted, &alike) > 0;
}

void table_print_causes(FILE *out, const cJSON *summary)
{
    const cJSON *variants = json_member(summary, "variants");
    const char *title = "\ncauses\n";
    for (int i = 0; i < CAUSE_COUNT; i++) {
        const struct cause_row *row = cause_row((enum cause)i);
        const struct counted counted = {.count = count_cause, .cause = row->name, .unit = ""};
        if (!is_anywhere(variants, &counted))
            continue;
        fprintf(out, "%s  %s: ", title, row->name);
        title = "";
        print_variants(out, variants, &counted);
        fprintf(out, "      %s\n", row->meaning);
        if (row->advice[0])
            fprintf(out, "      what helps: %s\n", row->advice);
    }
}

/* ---- faults */

static bool is_same_fault(const cJSON *one, const cJSON *other)
{
    return strcmp(json_text(one, "name"), json_text(other, "name")) == 0 &&
           strcmp(json_text(one, "target"), json_text(other, "target")) == 0;
}

static const cJSON *find_fault(const cJSON *variant, const cJSON *like)
{
    const cJSON *fault;
    cJSON_ArrayForEach(fault,
                       json_member(variant, "faults")) if (is_same_fault(fault, like)) return fault;
    return NULL;
}

static bool count_fault(const struct counted *counted, const cJSON *variant, double *count)
{
    const cJSON *same = find_fault(variant, counted->fault);
    *count = json_number(same, "touched");
    return same;
}

/* Whether a variant before this one has it as well. */
static bool is_listed(const cJSON *variant, const cJSON *fault)
{
    for (const cJSON *each = variant->prev; each->next; each = each->prev)
        if (find_fault(each, fault))
            return true;
    return false;
}

void table_print_faults(FILE *out, const cJSON *summary)
{
    const cJSON *variant, *fault, *variants = json_member(summary, "variants");
    const char *title = "\nfaults injected\n";
    cJSON_ArrayForEach(variant, variants) cJSON_ArrayForEach(fault, json_member(variant, "faults"))
    {
        if (is_listed(variant, fault))
            continue;
        const struct counted counted = {
            .count = count_fault, .fault = fault, .unit = json_text(fault, "unit")};
        fprintf(out, "%s  %s (%s on %s): ", title, json_text(fault, "name"),
                json_text(fault, "kind"), json_text(fault, "target"));
        title = "";
        print_variants(out, variants, &counted);
    }
}
