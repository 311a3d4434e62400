/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include <cjson/cJSON.h>

#include "lab/result/claim_result.h"

static void add_text(cJSON *json, const char *key, const char *text)
{
    cJSON_AddStringToObject(json, key, text ? text : "");
}

/* "+131.0 % (412ms against 178ms)"; "" when it is withheld. */
static void add_shown(cJSON *json, const struct claim_result *result)
{
    const struct claim *claim = result->claim;
    char value[64], sides[2][40], shown[200] = "";
    claim_format(claim, result->value, value, sizeof(value));
    for (size_t i = 0; i < claim_sides(claim); i++)
        expect_format(&claim->sides[i], result->figures[i], sides[i], sizeof(sides[i]));
    if (result->verdict == CLAIM_WITHHELD)
        ;
    else if (claim_sides(claim) == 2)
        snprintf(shown, sizeof(shown), "%s (%s against %s)", value, sides[0], sides[1]);
    else
        snprintf(shown, sizeof(shown), "%s", value);
    add_text(json, "shown", shown);
}

static void add_range(cJSON *json, const struct claim_result *result)
{
    char low[64], high[64], range[140] = "";
    if (result->rounds > 0) {
        claim_format(result->claim, result->low, low, sizeof(low));
        claim_format(result->claim, result->high, high, sizeof(high));
        snprintf(range, sizeof(range), "%s to %s", low, high);
        cJSON_AddNumberToObject(json, "low", result->low);
        cJSON_AddNumberToObject(json, "high", result->high);
    }
    cJSON_AddNumberToObject(json, "rounds", (double)result->rounds);
    add_text(json, "range", range);
}

static cJSON *result_json(const struct claim_result *result)
{
    static const char *const verdicts[] = {
#define CLAIM_VERDICT_TEXT(id, text) [CLAIM_##id] = text,
        CLAIM_VERDICTS(CLAIM_VERDICT_TEXT)
#undef CLAIM_VERDICT_TEXT
    };
    const struct claim_spec *spec = result->claim->spec;
    cJSON *json = cJSON_CreateObject();
    add_text(json, "text", spec->text);
    add_text(json, "section", spec->section);
    add_text(json, "claimed", spec->claimed);
    add_text(json, "measure", spec->measure);
    add_text(json, "when", spec->holds);
    add_text(json, "note", spec->note);
    add_text(json, "verdict", verdicts[result->verdict]);
    add_text(json, "over", result->over);
    if (result->verdict != CLAIM_WITHHELD)
        cJSON_AddNumberToObject(json, "value", result->value);
    add_shown(json, result);
    add_range(json, result);
    add_text(json, "reason", result->reason);
    return json;
}

cJSON *claim_results_json(const struct claim_result *results, size_t count)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < count; i++)
        cJSON_AddItemToArray(list, result_json(&results[i]));
    return list;
}
