/* SPDX-License-Identifier: MIT */
#include "lab/report/report_data.h"

#include <cjson/cJSON.h>

#include "lab/report/report_round.h"
#include "lab/run/machine.h"

/* Buckets of the distribution are merged until each is at least this much wider than the last. */
#define DISTRIBUTION_STEP 1.02

static cJSON *load_json(const struct plan *plan)
{
    const struct load_spec *load = &plan_experiment(plan, 0)->load;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "rate_rps", load->rate);
    cJSON_AddStringToObject(json, "arrivals",
                            load->arrivals == ARRIVALS_CONSTANT ? "constant" : "poisson");
    cJSON_AddNumberToObject(json, "warmup_s", (double)load->warmup.ns / 1e9);
    cJSON_AddNumberToObject(json, "duration_s", (double)load->duration.ns / 1e9);
    cJSON_AddNumberToObject(json, "rounds", (double)plan->rounds);
    cJSON_AddNumberToObject(json, "connections", (double)load->connections);
    return json;
}

static cJSON *table_json(const struct variant_summary *variant)
{
    const struct {
        const char *name;
        double value;
    } counts[] = {
        {"requests", (double)variant->requests},
        {"s502", (double)variant->statuses[502]},
        {"s503", (double)variant->statuses[503]},
        {"s504", (double)variant->statuses[504]},
        {"gateway_failures", (double)variant->gateway_failures},
        {"client_failures", (double)variant->client_failures},
        {"client_only_failures", (double)variant->client_only_failures},
    };
    const struct {
        const char *name;
        double value, quantile;
    } figures[] = {
        {"mean_ms", variant->mean_ms, 0},
        {"p50_ms", variant->p50_ms, 0.5},
        {"p90_ms", variant->p90_ms, 0.9},
        {"p99_ms", variant->p99_ms, 0.99},
        {"p999_ms", variant->p999_ms, 0.999},
        {"max_ms", variant->max_ms, 0},
        {"throughput_rps", variant->throughput_rps, 0},
        {"collections_per_s", variant->collections_per_s, 0},
        {"failure_rate", variant->failure_rate, 0},
        {"client_failure_rate", variant->client_failure_rate, 0},
    };
    cJSON *json = cJSON_CreateObject();
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        cJSON_AddNumberToObject(json, counts[i].name, counts[i].value);
    cJSON *bounds = cJSON_AddArrayToObject(json, "at_least");
    for (size_t i = 0; i < ARRAY_LEN(figures); i++) {
        /* NaN is null in JSON. */
        cJSON_AddNumberToObject(json, figures[i].name,
                                summary_carried(variant, figures[i].quantile, figures[i].value));
        if (summary_is_bound(variant, figures[i].quantile))
            cJSON_AddItemToArray(bounds, cJSON_CreateString(figures[i].name));
    }
    return json;
}

static void add_point(cJSON *list, duration upper, uint64_t count)
{
    cJSON *point = cJSON_CreateArray();
    cJSON_AddItemToArray(point, cJSON_CreateNumber((double)(upper.ns / 1000) / 1000));
    cJSON_AddItemToArray(point, cJSON_CreateNumber((double)count));
    cJSON_AddItemToArray(list, point);
}

static cJSON *distribution_json(const struct hist *hist)
{
    cJSON *list = cJSON_CreateArray();
    size_t cursor = 0;
    duration upper, last = {0};
    uint64_t count, gathered = 0;
    double from = 0;
    while (hist_next(hist, &cursor, &upper, &count)) {
        if (gathered > 0 && (double)upper.ns > from * DISTRIBUTION_STEP) {
            add_point(list, last, gathered);
            gathered = 0;
        }
        if (gathered == 0)
            from = (double)upper.ns;
        gathered += count;
        last = upper;
    }
    if (gathered > 0)
        add_point(list, last, gathered);
    return list;
}

static enum result add_variant(cJSON *variants, const struct summary *summary, size_t number,
                               struct sqlite3 *db, struct error *error)
{
    const struct variant_summary *variant = &summary->variants[number];
    cJSON *json = cJSON_CreateObject();
    cJSON_AddItemToArray(variants, json);
    cJSON_AddStringToObject(json, "label", variant->label);
    cJSON_AddItemToObject(json, "values",
                          cJSON_Duplicate(summary->plan->variants.items[number].values, true));
    cJSON_AddItemToObject(json, "table", table_json(variant));
    cJSON_AddItemToObject(json, "blame", cJSON_Duplicate(variant->blame, true));
    if (variant->matrix)
        cJSON_AddItemToObject(json, "gateway", cJSON_Duplicate(variant->matrix, true));
    cJSON_AddItemToObject(json, "faults", cJSON_Duplicate(variant->faults, true));
    cJSON_AddItemToObject(json, "distribution", distribution_json(variant->latency));
    cJSON *rounds = cJSON_AddArrayToObject(json, "rounds");
    enum result result = OK;
    for (int64_t round = 0; round < summary->plan->rounds && result == OK; round++)
        result = report_round_add(rounds, summary, number, round, db, error);
    return result;
}

static cJSON *causes_json(const struct summary *summary)
{
    cJSON *list = cJSON_CreateArray();
    for (int cause = 0; cause < CAUSE_COUNT; cause++) {
        const struct cause_row *row = cause_row((enum cause)cause);
        cJSON *json = cJSON_CreateObject();
        cJSON_AddStringToObject(json, "name", row->name);
        cJSON_AddStringToObject(json, "meaning", row->meaning);
        cJSON_AddStringToObject(json, "advice", row->advice);
        cJSON *counts = cJSON_AddObjectToObject(json, "counts");
        uint64_t total = 0;
        for (size_t i = 0; i < summary->plan->variants.count; i++) {
            total += summary->variants[i].causes[cause];
            cJSON_AddNumberToObject(counts, summary->variants[i].label,
                                    (double)summary->variants[i].causes[cause]);
        }
        if (total > 0)
            cJSON_AddItemToArray(list, json);
        else
            cJSON_Delete(json);
    }
    return list;
}

static cJSON *machine_json(const struct summary *summary)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "cores", machine_cores());
    cJSON_AddNumberToObject(json, "busy_share", summary->busy_share);
    cJSON_AddNumberToObject(json, "load_lag_p99_ms", summary->lag_p99_ms);
    cJSON_AddNumberToObject(json, "load_lag_max_ms", summary->lag_max_ms);
    cJSON_AddNumberToObject(json, "records_dropped", (double)summary->records_dropped);
    cJSON_AddItemToObject(json, "notes", cJSON_Duplicate(summary->notes, true));
    return json;
}

/* One timeout for all variants, or none to draw. */
static cJSON *timeout_json(const struct plan *plan)
{
    duration timeout = plan->items[0].response_timeout;
    for (size_t i = 1; i < plan->variants.count; i++)
        if (plan->items[i].response_timeout.ns != timeout.ns)
            return cJSON_CreateNull();
    return timeout.ns > 0 ? cJSON_CreateNumber((double)timeout.ns / 1e6) : cJSON_CreateNull();
}

enum result report_data_read(cJSON **data, const struct summary *summary, struct sqlite3 *db,
                             struct error *error)
{
    const struct plan *plan = summary->plan;
    cJSON *whole = summary_json(summary); /* what the two have in common comes from there */
    cJSON *json = *data = cJSON_CreateObject();
    static const char *const common[] = {"tailgate", "name",     "started",
                                         "seed",     "complete", "problem",
                                         "expect",   "claims",   "investigation"};
    for (size_t i = 0; i < ARRAY_LEN(common); i++)
        cJSON_AddItemToObject(json, common[i],
                              cJSON_DetachItemFromObjectCaseSensitive(whole, common[i]));
    cJSON_Delete(whole);
    cJSON_AddItemToObject(json, "response_timeout_ms", timeout_json(plan));
    cJSON_AddItemToObject(json, "load", load_json(plan));
    duration bucket = report_bucket(plan_experiment(plan, 0)->load.duration);
    cJSON_AddNumberToObject(json, "bucket_s", (double)bucket.ns / 1e9);
    cJSON_AddItemToObject(json, "causes", causes_json(summary));
    cJSON_AddItemToObject(json, "machine", machine_json(summary));
    cJSON_AddStringToObject(json, "config", plan->variants.text);
    cJSON *variants = cJSON_AddArrayToObject(json, "variants");
    enum result result = OK;
    for (size_t i = 0; i < plan->variants.count && result == OK; i++)
        result = plan->items[i].skipped ? OK : add_variant(variants, summary, i, db, error);
    return result;
}
