/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "lab/result/claim_result.h"
#include "lab/result/json.h"
#include "lab/result/summary.h"
#include "lab/run/machine.h"
#include "lib/record/reader.h"

/* null where the data carry none. */
static void add_figure(cJSON *json, const char *key, double figure)
{
    cJSON_AddItemToObject(json, key,
                          isnan(figure) ? cJSON_CreateNull() : cJSON_CreateNumber(figure));
}

/* `at_least` has those that are lower bounds. */
static cJSON *latency_json(const struct variant_summary *variant)
{
    const struct {
        const char *key;
        double quantile, value;
    } rows[] = {
        {"mean", 0, variant->mean_ms},  {"p50", 0.5, variant->p50_ms},
        {"p90", 0.9, variant->p90_ms},  {"p95", 0.95, variant->p95_ms},
        {"p99", 0.99, variant->p99_ms}, {"p999", 0.999, variant->p999_ms},
        {"max", 0, variant->max_ms},
    };
    cJSON *latency = cJSON_CreateObject(), *bounds = cJSON_CreateArray();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        double value = summary_carried(variant, rows[i].quantile, rows[i].value);
        add_figure(latency, rows[i].key, value);
        if (!isnan(value) && summary_is_bound(variant, rows[i].quantile))
            cJSON_AddItemToArray(bounds, cJSON_CreateString(rows[i].key));
    }
    cJSON_AddItemToObject(latency, "at_least", bounds);
    return latency;
}

static cJSON *statuses_json(const struct variant_summary *variant)
{
    cJSON *statuses = cJSON_CreateObject();
    for (int status = 0; status < SUMMARY_STATUSES; status++) {
        char name[16];
        snprintf(name, sizeof(name), "%d", status);
        if (variant->statuses[status] > 0)
            cJSON_AddNumberToObject(statuses, name, (double)variant->statuses[status]);
    }
    return statuses;
}

static cJSON *client_errors_json(const struct variant_summary *variant)
{
    cJSON *errors = cJSON_CreateObject();
    for (int i = 0; i < CLIENT_ERROR_COUNT; i++)
        if (variant->client_errors[i] > 0)
            cJSON_AddNumberToObject(errors, client_error_name((enum client_error)i),
                                    (double)variant->client_errors[i]);
    return errors;
}

static cJSON *causes_json(const struct variant_summary *variant)
{
    cJSON *causes = cJSON_CreateObject();
    for (int i = 0; i < CAUSE_COUNT; i++)
        if (variant->causes[i] > 0)
            cJSON_AddNumberToObject(causes, cause_row((enum cause)i)->name,
                                    (double)variant->causes[i]);
    return causes;
}

static cJSON *variant_json(const struct summary *summary, size_t number)
{
    const struct variant_summary *variant = &summary->variants[number];
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "label", variant->label);
    cJSON_AddItemToObject(json, "values",
                          cJSON_Duplicate(summary->plan->variants.items[number].values, true));
    cJSON_AddNumberToObject(json, "requests", (double)variant->requests);
    add_figure(json, "throughput_rps", summary_carried(variant, 0, variant->throughput_rps));
    cJSON_AddItemToObject(json, "latency_ms", latency_json(variant));
    cJSON_AddItemToObject(json, "statuses", statuses_json(variant));
    cJSON_AddItemToObject(json, "client_errors", client_errors_json(variant));
    cJSON_AddNumberToObject(json, "client_failures", (double)variant->client_failures);
    add_figure(json, "client_failure_rate",
               summary_carried(variant, 0, variant->client_failure_rate));
    cJSON_AddNumberToObject(json, "client_only_failures", (double)variant->client_only_failures);
    cJSON_AddNumberToObject(json, "gateway_requests", (double)variant->gateway_requests);
    cJSON_AddNumberToObject(json, "gateway_failures", (double)variant->gateway_failures);
    add_figure(json, "failure_rate", summary_carried(variant, 0, variant->failure_rate));
    cJSON_AddItemToObject(json, "causes", causes_json(variant));
    cJSON_AddItemToObject(json, "faults", cJSON_Duplicate(variant->faults, true));
    cJSON_AddItemToObject(json, "blame", cJSON_Duplicate(variant->blame, true));
    if (variant->matrix)
        cJSON_AddItemToObject(json, "gateway", cJSON_Duplicate(variant->matrix, true));
    cJSON_AddNumberToObject(json, "collections_per_s", variant->collections_per_s);
    cJSON_AddNumberToObject(json, "busy_share", variant->busy_share);
    return json;
}

static void add_shown(cJSON *json, const struct verdict *verdict)
{
    static const char *const bound[] = {"", ">= "};
    char figure[32], limit[32], shown[96];
    if (verdict->lacks[0]) {
        cJSON_AddStringToObject(json, "shown", verdict->lacks);
        return;
    }
    expect_format(verdict->expectation, verdict->value, figure, sizeof(figure));
    expect_format(verdict->expectation, verdict->limit, limit, sizeof(limit));
    bool against = verdict->expectation->against >= 0;
    snprintf(shown, sizeof(shown), "%s%s%s%s%s", bound[verdict->value_bound], figure,
             against ? " against " : "", bound[verdict->limit_bound], against ? limit : "");
    cJSON_AddStringToObject(json, "shown", shown);
}

static cJSON *verdicts_json(const struct summary *summary)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < summary->verdict_count; i++) {
        const struct verdict *verdict = &summary->verdicts[i];
        cJSON *json = cJSON_CreateObject();
        cJSON_AddStringToObject(json, "text", verdict->expectation->text);
        cJSON_AddStringToObject(json, "variant", summary->variants[verdict->variant].label);
        add_figure(json, "value", verdict->value);
        add_figure(json, "limit", verdict->limit);
        add_shown(json, verdict);
        cJSON_AddBoolToObject(json, "holds", verdict->holds);
        cJSON_AddBoolToObject(json, "withheld", verdict->lacks[0] != '\0');
        cJSON_AddItemToArray(list, json);
    }
    return list;
}

static cJSON *agreement_json(const struct summary *summary)
{
    uint64_t client = 0, gateway = 0;
    for (size_t i = 0; i < summary->plan->variants.count; i++) {
        client += summary->variants[i].requests;
        gateway += summary->variants[i].gateway_requests;
    }
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "tally", (double)summary->tallied);
    cJSON_AddNumberToObject(json, "client_rows", (double)client);
    cJSON_AddNumberToObject(json, "gateway_rows", (double)gateway);
    cJSON_AddItemToObject(json, "differences", cJSON_Duplicate(summary->differences, true));
    return json;
}

static cJSON *machine_json(const struct summary *summary)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "cores", machine_cores());
    cJSON_AddNumberToObject(json, "busy_share", summary->busy_share);
    cJSON_AddItemToObject(json, "cpu_s", cJSON_Duplicate(summary->processes, true));
    return json;
}

cJSON *summary_json(const struct summary *summary)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "name", plan_experiment(summary->plan, 0)->name);
    cJSON_AddNumberToObject(json, "seed", (double)summary->plan->seed);
    cJSON_AddStringToObject(json, "started", summary->started);
    cJSON_AddStringToObject(json, "tailgate", PACKAGE_VERSION);
    cJSON_AddBoolToObject(json, "complete", summary->problem == NULL);
    cJSON_AddItemToObject(json, "problem",
                          summary->problem ? cJSON_CreateString(summary->problem)
                                           : cJSON_CreateNull());
    cJSON_AddStringToObject(json, "axis", plan_axis_name(summary->plan));
    cJSON *variants = cJSON_AddArrayToObject(json, "variants");
    for (size_t i = 0; i < summary->plan->variants.count; i++)
        if (!summary->plan->items[i].skipped)
            cJSON_AddItemToArray(variants, variant_json(summary, i));
    cJSON_AddItemToObject(json, "expect", verdicts_json(summary));
    cJSON_AddItemToObject(json, "claims",
                          claim_results_json(summary->claims, summary->plan->claim_count));
    cJSON_AddItemToObject(json, "investigation",
                          summary->finding ? cJSON_Duplicate(summary->finding, true)
                                           : cJSON_CreateNull());
    cJSON_AddNumberToObject(json, "records_dropped", (double)summary->records_dropped);
    cJSON *lag = cJSON_AddObjectToObject(json, "load_lag_ms");
    cJSON_AddNumberToObject(lag, "p99", summary->lag_p99_ms);
    cJSON_AddNumberToObject(lag, "max", summary->lag_max_ms);
    cJSON_AddItemToObject(json, "agreement", agreement_json(summary));
    cJSON_AddItemToObject(json, "machine", machine_json(summary));
    cJSON_AddItemToObject(json, "notes", cJSON_Duplicate(summary->notes, true));
    return json;
}

bool summary_is_measured(const cJSON *variant)
{
    return json_number(variant, "requests") > 0;
}

bool summary_is_withheld(const cJSON *verdict)
{
    return cJSON_IsTrue(json_member(verdict, "withheld")) ||
           cJSON_IsNull(json_member(verdict, "value"));
}

bool summary_latency_is_bound(const cJSON *variant, const char *key)
{
    const cJSON *bound;
    cJSON_ArrayForEach(bound, json_member(json_member(variant, "latency_ms"),
                                          "at_least")) if (strcmp(json_text_of(bound), key) ==
                                                           0) return true;
    return false;
}
