/* SPDX-License-Identifier: MIT */
#include "lab/compare/compare_json.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "lib/base/buf.h"

static const char *const units[] = {
    [COMPARE_SHARE] = "share", [COMPARE_MS] = "ms", [COMPARE_RATE] = "1/s"};
static const char *const verdicts[] = {[COMPARE_SAME] = "no difference seen",
                                       [COMPARE_A] = "a is better",
                                       [COMPARE_B] = "b is better",
                                       [COMPARE_WITHHELD] = "withheld"};
static const char *const overall_names[] = {
    [OVERALL_SAME] = "no difference seen", [OVERALL_A_BETTER] = "a is better",
    [OVERALL_B_BETTER] = "b is better",    [OVERALL_MIXED] = "mixed",
    [OVERALL_WITHHELD] = "withheld",
};

enum compare_overall compared_overall(const struct compared *compared)
{
    size_t found[4] = {0};
    for (size_t i = 0; i < compared->figures.count; i++)
        if (compared->figures.items[i].main)
            found[compared->figures.items[i].verdict]++;
    if (compared->withheld[0] || (!found[COMPARE_SAME] && !found[COMPARE_A] && !found[COMPARE_B]))
        return OVERALL_WITHHELD;
    if (found[COMPARE_A] && found[COMPARE_B])
        return OVERALL_MIXED;
    return found[COMPARE_A] ? OVERALL_A_BETTER : found[COMPARE_B] ? OVERALL_B_BETTER : OVERALL_SAME;
}

bool compared_b_is_worse(const struct compared *compared)
{
    for (size_t i = 0; i < compared->figures.count; i++) {
        const struct compare_figure *figure = &compared->figures.items[i];
        if (figure->verdict == COMPARE_A && (figure->main || figure->row->kind != FIGURE_CAUSE))
            return true;
    }
    return false;
}

/* ---- the sentence on a pair */

/* "A fails less: ...; A is faster at p99: ...": what one side is better in. */
static void append_better(struct buf *text, const struct compared *compared,
                          enum compare_verdict side)
{
    const char *between = "";
    for (size_t i = 0; i < compared->figures.count; i++) {
        const struct compare_figure *figure = &compared->figures.items[i];
        if (!figure->main || figure->verdict != side)
            continue;
        buf_printf(text, "%s%s", between, figure->text + 2); /* behind "A " */
        between = "; ";
    }
}

static void append_overall(struct buf *text, const struct compared *compared)
{
    switch (compared_overall(compared)) {
    case OVERALL_SAME:
        buf_append_text(text, "no difference can be seen");
        break;
    case OVERALL_WITHHELD:
        buf_printf(text, "nothing can be said: %s",
                   compared->withheld[0] ? compared->withheld
                                         : "every figure is withheld, for the reasons above");
        break;
    case OVERALL_A_BETTER:
        buf_append_text(text, "A is better: it ");
        append_better(text, compared, COMPARE_A);
        break;
    case OVERALL_B_BETTER:
        buf_append_text(text, "B is better: it ");
        append_better(text, compared, COMPARE_B);
        break;
    case OVERALL_MIXED:
        buf_append_text(text, "each is better in something: A ");
        append_better(text, compared, COMPARE_A);
        buf_append_text(text, "; but B ");
        append_better(text, compared, COMPARE_B);
        break;
    }
    buf_append(text, "", 1);
}

/* ---- the tree */

static cJSON *run_json(const struct recorded_run *run)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "run", run->folder);
    cJSON_AddStringToObject(json, "name", run->name ? run->name : "");
    cJSON_AddStringToObject(json, "started", run->started ? run->started : "");
    cJSON_AddStringToObject(json, "seed", run->seed ? run->seed : "");
    return json;
}

static cJSON *figure_json(const struct compare_figure *figure)
{
    cJSON *json = cJSON_CreateObject();
    bool withheld = figure->verdict == COMPARE_WITHHELD;
    cJSON_AddStringToObject(json, "figure", figure->row->name);
    if (figure->of)
        cJSON_AddStringToObject(json, figure->row->kind == FIGURE_CAUSE ? "cause" : "route",
                                figure->of);
    cJSON_AddStringToObject(json, "unit", units[figure->row->unit]);
    cJSON_AddBoolToObject(json, "main", figure->main);
    cJSON_AddNumberToObject(json, "a", figure->a);
    cJSON_AddNumberToObject(json, "b", figure->b);
    cJSON_AddStringToObject(json, "verdict", verdicts[figure->verdict]);
    cJSON_AddStringToObject(json, "text", figure->text);
    if (withheld)
        return json;
    cJSON_AddNumberToObject(json, "difference", figure->b - figure->a);
    cJSON_AddNumberToObject(json, "low", figure->low);
    cJSON_AddNumberToObject(json, "high", figure->high);
    cJSON_AddNumberToObject(json, "would_see", figure->would_see);
    cJSON_AddNumberToObject(json, "standard_error", figure->contrast.error);
    cJSON_AddNumberToObject(json, "freedom", figure->contrast.freedom);
    cJSON_AddNumberToObject(json, "block_s", figure->block_s);
    cJSON_AddNumberToObject(json, "blocks", (double)figure->contrast.blocks);
    return json;
}

static cJSON *compared_json(const struct compared *compared)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "a", compared->a_label);
    cJSON_AddStringToObject(json, "b", compared->b_label);
    cJSON_AddNumberToObject(json, "a_requests", (double)compared->a_requests);
    cJSON_AddNumberToObject(json, "b_requests", (double)compared->b_requests);
    cJSON_AddNumberToObject(json, "a_rounds", (double)compared->a_rounds);
    cJSON_AddNumberToObject(json, "b_rounds", (double)compared->b_rounds);
    cJSON_AddNumberToObject(json, "rounds", (double)compared->rounds);
    cJSON_AddBoolToObject(json, "paired", compared->paired);
    cJSON_AddItemToObject(json, "differences", cJSON_Duplicate(compared->differences, true));
    cJSON *figures = cJSON_AddArrayToObject(json, "figures");
    for (size_t i = 0; i < compared->figures.count; i++)
        cJSON_AddItemToArray(figures, figure_json(&compared->figures.items[i]));
    cJSON_AddNumberToObject(json, "left_out", (double)compared->figures.left_out);
    cJSON_AddStringToObject(json, "verdict", overall_names[compared_overall(compared)]);
    struct buf text = {0};
    append_overall(&text, compared);
    cJSON_AddStringToObject(json, "text", buf_head(&text));
    buf_free(&text);
    return json;
}

cJSON *compare_json(const struct recorded_run *a, const struct recorded_run *b,
                    const struct compared *items, size_t count, size_t questions, cJSON *notes)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "tailgate", PACKAGE_VERSION);
    cJSON_AddItemToObject(json, "a", run_json(a));
    cJSON_AddItemToObject(json, "b", run_json(b));
    cJSON_AddNumberToObject(json, "level", 0.95);
    cJSON_AddNumberToObject(json, "questions", (double)questions);
    cJSON *list = cJSON_AddArrayToObject(json, "comparisons");
    for (size_t i = 0; i < count; i++)
        cJSON_AddItemToArray(list, compared_json(&items[i]));
    cJSON_AddItemToObject(json, "notes", notes);
    return json;
}
