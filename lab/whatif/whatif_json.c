/* SPDX-License-Identifier: MIT */
#include <math.h>

#include <cjson/cJSON.h>

#include "lab/whatif/whatif_result.h"
#include "lab/whatif/whatif_setting.h"

static void add_range(cJSON *object, const char *name, const struct prediction_range *range)
{
    cJSON *list = cJSON_AddArrayToObject(object, name);
    cJSON_AddItemToArray(list, cJSON_CreateNumber(range->low));
    cJSON_AddItemToArray(list, cJSON_CreateNumber(range->high));
}

static void add_figures(cJSON *object, const struct prediction *prediction)
{
    cJSON_AddNumberToObject(object, "requests", (double)prediction->requests);
    cJSON_AddNumberToObject(object, "failures", (double)prediction->failures);
    cJSON_AddNumberToObject(object, "failure_rate", prediction->failure_rate.value);
    add_range(object, "failure_rate_95", &prediction->failure_rate);
    if (prediction->p99_known) {
        cJSON_AddNumberToObject(object, "p99_ms", prediction->p99_ms.value);
        add_range(object, "p99_ms_95", &prediction->p99_ms);
    } else if (prediction->requests > 0) {
        cJSON_AddStringToObject(object, "p99_withheld", prediction_lacks(prediction, 0.99));
    }
    cJSON_AddNumberToObject(object, "extra_load", prediction->extra_load);
    cJSON_AddNumberToObject(object, "unresolved", (double)prediction->unresolved);
    cJSON_AddNumberToObject(object, "gave_up", (double)prediction->gave_up);
    cJSON *causes = cJSON_AddObjectToObject(object, "causes");
    for (size_t i = 0; i < CAUSE_COUNT; i++)
        if (prediction->causes[i] > 0)
            cJSON_AddNumberToObject(causes, cause_row((enum cause)i)->name,
                                    (double)prediction->causes[i]);
}

static void add_setting(const struct whatif *whatif, cJSON *object, size_t number)
{
    char text[256];
    whatif_setting_text(text, sizeof(text), &whatif->grid.points[number].setting, &whatif->present);
    cJSON_AddStringToObject(object, "setting", text);
}

static void add_point(const struct whatif *whatif, cJSON *list, size_t number)
{
    const struct whatif_point *point = &whatif->points[number];
    cJSON *json = cJSON_CreateObject();
    cJSON_AddItemToArray(list, json);
    add_setting(whatif, json, number);
    cJSON_AddStringToObject(json, "group", whatif->grid.points[number].group);
    if (point->withheld[0])
        cJSON_AddStringToObject(json, "withheld", point->withheld);
    else
        add_figures(json, &point->prediction);
    if (!whatif->options->objective)
        return;
    if (point->verdict == WHATIF_UNTOLD)
        cJSON_AddNullToObject(json, "meets");
    else
        cJSON_AddBoolToObject(json, "meets", point->verdict == WHATIF_MEETS);
    cJSON_AddBoolToObject(json, "meets_surely",
                          point->verdict == WHATIF_MEETS && !point->caveat[0]);
    if (point->caveat[0])
        cJSON_AddStringToObject(json, "caveat", point->caveat);
}

static void add_proof(const struct whatif *whatif, cJSON *list, const struct whatif_proof *proof)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddItemToArray(list, json);
    add_setting(whatif, json, proof->point);
    cJSON_AddNumberToObject(json, "seed", (double)proof->seed);
    cJSON_AddBoolToObject(json, "same_seed", proof->same_seed);
    const struct whatif_point *point = &whatif->points[proof->point];
    cJSON *predicted = cJSON_AddObjectToObject(json, "predicted");
    if (point->withheld[0])
        cJSON_AddStringToObject(predicted, "withheld", point->withheld);
    else
        add_figures(predicted, &point->prediction);
    add_figures(cJSON_AddObjectToObject(json, "measured"), &proof->measured);
    if (isnan(proof->relative_error))
        cJSON_AddNullToObject(json, "relative_error");
    else
        cJSON_AddNumberToObject(json, "relative_error", proof->relative_error);
    if (point->withheld[0])
        cJSON_AddNullToObject(json, "within");
    else
        cJSON_AddBoolToObject(json, "within", proof->within);
    if (proof->p99_known)
        cJSON_AddBoolToObject(json, "p99_within", proof->p99_within);
}

cJSON *whatif_json(const struct whatif *whatif)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "run", whatif->run.folder);
    cJSON_AddStringToObject(json, "variant", whatif->run.variants[whatif->variant].label);
    cJSON_AddStringToObject(json, "upstream", whatif->facts.upstream);
    cJSON *recorded = cJSON_AddObjectToObject(json, "recorded");
    char flaw[120];
    if (whatif_find_flaw(whatif, flaw, sizeof(flaw)))
        cJSON_AddStringToObject(recorded, "withheld", flaw);
    else
        add_figures(recorded, &whatif->recorded);
    cJSON_AddNumberToObject(recorded, "unanswered", (double)whatif->recorded.unanswered);
    cJSON *points = cJSON_AddArrayToObject(json, "points");
    for (size_t i = 0; i < whatif->grid.count; i++)
        add_point(whatif, points, i);
    if (whatif->options->objective) {
        cJSON_AddStringToObject(json, "objective", whatif->options->objective);
        if (whatif->best >= 0)
            add_setting(whatif, cJSON_AddObjectToObject(json, "cheapest"), (size_t)whatif->best);
        else
            cJSON_AddNullToObject(json, "cheapest");
    }
    cJSON *proofs = cJSON_AddArrayToObject(json, "proofs");
    for (size_t i = 0; i < whatif->proof_count; i++)
        add_proof(whatif, proofs, &whatif->proofs[i]);
    cJSON_AddItemToObject(json, "notes", cJSON_Duplicate(whatif->notes, true));
    return json;
}
