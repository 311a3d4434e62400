/* SPDX-License-Identifier: MIT */
/* The pause map: what requests end in, by how long a pause lasts, how long the gateway waits, and
 * how it judges the health of endpoints. The counts are the summary's. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "lab/investigate/finding.h"
#include "lab/plan/investigation.h"
#include "lab/result/summary.h"

#define LEAST_REQUESTS 50 /* of a variant, before shares of them are told */

enum { AXIS_PAUSE, AXIS_TIMEOUT, AXIS_HEALTH };

/* What most failures of a variant are; CAUSE_NONE where nothing failed. */
static enum cause main_cause(const struct variant_summary *variant)
{
    enum cause most = CAUSE_NONE;
    for (int i = 0; i < CAUSE_COUNT; i++)
        if (i != CAUSE_NONE && variant->causes[i] > 0 &&
            (most == CAUSE_NONE || variant->causes[i] > variant->causes[most]))
            most = (enum cause)i;
    return most;
}

/* Whether its faults happened as often as they were meant to. */
static bool was_paused(const struct variant_summary *variant)
{
    const cJSON *fault;
    bool any = false;
    cJSON_ArrayForEach(fault, variant->faults)
    {
        const cJSON *touched = cJSON_GetObjectItemCaseSensitive(fault, "touched");
        any |= cJSON_IsNumber(touched) && touched->valuedouble > 0;
    }
    return any;
}

static bool is_judged(const struct variant_summary *variant)
{
    return variant->requests >= LEAST_REQUESTS && was_paused(variant);
}

static double lost_share(const struct variant_summary *variant)
{
    uint64_t lost = variant->gateway_failures + variant->client_only_failures;
    double share = variant->requests > 0 ? (double)lost / (double)variant->requests : 0;
    return share > 1 ? 1 : share;
}

static void add_causes(cJSON *json, const struct variant_summary *variant)
{
    cJSON *causes = cJSON_AddObjectToObject(json, "causes");
    for (int i = 0; i < CAUSE_COUNT; i++)
        if (variant->causes[i] > 0)
            cJSON_AddNumberToObject(causes, cause_row((enum cause)i)->name,
                                    (double)variant->causes[i]);
}

/* What most of those that are lost got: the status that clients saw, or, where it is none of the
 * gateway's own, the cause. */
static void add_mostly(cJSON *json, const struct variant_summary *variant)
{
    const struct cause_row *row = cause_row(main_cause(variant));
    char status[16];
    snprintf(status, sizeof(status), "%d", row->status);
    if (main_cause(variant) != CAUSE_NONE)
        cJSON_AddStringToObject(json, "mostly", row->status > 0 ? status : row->name);
}

#define HEALTH_TEXT 96

/* "passive, panic_threshold 0%" of what would be half a line of JSON. */
static const char *describe_health(char out[HEALTH_TEXT], const cJSON *health)
{
    const cJSON *key;
    snprintf(out, HEALTH_TEXT, "%s", cJSON_IsObject(health) && !health->child ? "off" : "");
    cJSON_ArrayForEach(key, health)
    {
        size_t length = strlen(out);
        snprintf(out + length, HEALTH_TEXT - length, "%s%s%s%s", length > 0 ? ", " : "",
                 key->string, cJSON_IsString(key) ? " " : "",
                 cJSON_IsString(key) ? key->valuestring : "");
    }
    return out[0] ? out : "as configured";
}

/* Where a variant stands on the map. */
struct place {
    const char *pause, *timeout, *health;
    char text[HEALTH_TEXT];
};

static void find_place(struct place *place, const struct investigated *run, size_t variant)
{
    const struct plan *plan = run->summary->plan;
    const cJSON *health = investigation_value(INVESTIGATION_PAUSE_MAP, AXIS_HEALTH,
                                              plan->variants.items[variant].values);
    place->pause = finding_value(run, variant, AXIS_PAUSE, "?");
    place->timeout = finding_value(run, variant, AXIS_TIMEOUT, "?");
    place->health = describe_health(place->text, health);
}

static void add_cell(cJSON *finding, const struct investigated *run, size_t number)
{
    const struct variant_summary *variant = &run->summary->variants[number];
    struct place place;
    find_place(&place, run, number);
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "pause", place.pause);
    cJSON_AddStringToObject(json, "timeout", place.timeout);
    cJSON_AddStringToObject(json, "health", place.health);
    cJSON_AddNumberToObject(json, "requests", (double)variant->requests);
    add_causes(json, variant);
    if (is_judged(variant))
        cJSON_AddNumberToObject(json, "lost", lost_share(variant));
    add_mostly(json, variant);
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(finding_data(finding), "cells"), json);
}

static bool is_longer_than_its_timeout(const struct investigated *run, size_t variant)
{
    return finding_value_ns(run, variant, AXIS_PAUSE) >
           finding_value_ns(run, variant, AXIS_TIMEOUT);
}

/* The variants that lose most: where the pause is longer than the timeout ([1]), and where not. */
static size_t find_worst(const struct investigated *run, size_t worst[2])
{
    const struct summary *summary = run->summary;
    size_t unjudged = 0;
    worst[0] = worst[1] = SIZE_MAX;
    for (size_t i = 0; i < summary->plan->variants.count; i++) {
        const struct variant_summary *variant = &summary->variants[i];
        size_t *side = &worst[is_longer_than_its_timeout(run, i)];
        if (!is_judged(variant))
            unjudged++;
        else if (*side == SIZE_MAX || lost_share(variant) > lost_share(&summary->variants[*side]))
            *side = i;
    }
    return unjudged;
}

static void answer(cJSON *finding, const struct investigated *run, const size_t worst[2])
{
    const struct variant_summary *variants = run->summary->variants;
    const struct variant_summary *longer = &variants[worst[1]], *shorter = &variants[worst[0]];
    struct place at, beside;
    find_place(&at, run, worst[1]);
    find_place(&beside, run, worst[0]);
    finding_answer(finding,
                   "Around a pause that is longer than the gateway waits, up to %.0f %% of the "
                   "requests are lost, mostly by %s (pause %s, timeout %s, health: %s); around one "
                   "that is not, at most %.1f %%.",
                   lost_share(longer) * 100, cause_row(main_cause(longer))->name, at.pause,
                   at.timeout, at.health, lost_share(shorter) * 100);
}

/* ---- the table: a row for each health and timeout, a column for each pause */

static const char *text_of(const cJSON *cell, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(cell, key));
}

static bool is_alike(const cJSON *one, const cJSON *other, const char *key)
{
    return strcmp(text_of(one, key), text_of(other, key)) == 0;
}

/* Whether it is the first in the list with its value of `key` (and of `other`, if there is one). */
static bool is_first(const cJSON *cells, const cJSON *cell, const char *key, const char *other)
{
    const cJSON *each = cells->child;
    while (each != cell && !(is_alike(each, cell, key) && (!other || is_alike(each, cell, other))))
        each = each->next;
    return each == cell;
}

/* "46.6% lost, 504": how many, and what most of them got. */
static void add_outcome(cJSON *row, const cJSON *cell)
{
    const cJSON *lost = cJSON_GetObjectItemCaseSensitive(cell, "lost");
    const char *mostly = cell ? text_of(cell, "mostly") : NULL;
    if (!cJSON_IsNumber(lost))
        finding_add_cell(row, "-");
    else if (lost->valuedouble <= 0)
        finding_add_cell(row, "none lost");
    else
        finding_add_cell(row, "%.1f%% lost%s%s", lost->valuedouble * 100, mostly ? ", " : "",
                         mostly ? mostly : "");
}

static const cJSON *cell_at(const cJSON *cells, const cJSON *row, const cJSON *column)
{
    const cJSON *cell;
    cJSON_ArrayForEach(cell, cells)
    {
        if (is_alike(cell, row, "health") && is_alike(cell, row, "timeout") &&
            is_alike(cell, column, "pause"))
            return cell;
    }
    return NULL;
}

static void add_columns(cJSON *finding, const cJSON *cells)
{
    static const char *const titles[] = {"health", "timeout"};
    const cJSON *cell;
    finding_set_columns(finding, titles, ARRAY_LEN(titles));
    cJSON_ArrayForEach(cell, cells)
    {
        char title[64];
        const char *const added = title;
        if (!is_first(cells, cell, "pause", NULL))
            continue;
        snprintf(title, sizeof(title), "pause %s", text_of(cell, "pause"));
        finding_set_columns(finding, &added, 1);
    }
}

static void add_table(cJSON *finding, const cJSON *cells)
{
    const cJSON *first, *column;
    add_columns(finding, cells);
    cJSON_ArrayForEach(first, cells)
    {
        if (!is_first(cells, first, "health", "timeout"))
            continue;
        cJSON *row = finding_add_row(finding);
        finding_add_cell(row, "%s", text_of(first, "health"));
        finding_add_cell(row, "%s", text_of(first, "timeout"));
        cJSON_ArrayForEach(column, cells) if (is_first(cells, column, "pause", NULL))
            add_outcome(row, cell_at(cells, first, column));
    }
}

static void conclude(cJSON *finding, const struct investigated *run)
{
    size_t worst[2];
    size_t unjudged = find_worst(run, worst);
    if (unjudged > 0)
        finding_note(finding,
                     "%zu variants are left out: fewer than %d requests, or no pause happened",
                     unjudged, LEAST_REQUESTS);
    if (worst[0] == SIZE_MAX || worst[1] == SIZE_MAX)
        finding_withhold(finding, "there are not both pauses that are longer than the timeout and "
                                  "pauses that are not");
    else
        answer(finding, run, worst);
}

enum result pause_map_investigate(cJSON *finding, const struct investigated *run,
                                  struct error *error)
{
    (void)error;
    const cJSON *cells = cJSON_AddArrayToObject(finding_data(finding), "cells");
    for (size_t i = 0; i < run->summary->plan->variants.count; i++)
        add_cell(finding, run, i);
    add_table(finding, cells);
    conclude(finding, run);
    return OK;
}
