/* SPDX-License-Identifier: MIT */
#include "lab/whatif/whatif.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "lab/whatif/whatif_objective.h"
#include "lab/whatif/whatif_result.h"
#include "lab/whatif/whatif_setting.h"
#include "lib/base/memory.h"

/* With fewer requests nothing is said. */
#define FEWEST_REQUESTS 200
/* The prediction of a setting is withheld when more than this share of its failures and of what
 * clients gave up might not be any, for all that the data say, and this share of all requests. */
#define MOST_UNRESOLVED       0.5
#define MOST_UNRESOLVED_SHARE 0.0005

/* ---- what was asked */

static enum result find_variant(struct whatif *whatif, struct error *error)
{
    const struct recorded_run *run = &whatif->run;
    const char *label = whatif->options->variant;
    whatif->variant = label ? recorded_run_variant(run, label) : 0;
    if (whatif->variant >= 0 && (label || run->variant_count == 1))
        return OK;
    char labels[512] = "";
    for (size_t i = 0, at = 0; i < run->variant_count && at < sizeof(labels); i++)
        at += (size_t)snprintf(labels + at, sizeof(labels) - at, "%s\"%s\"", i ? ", " : "",
                               run->variants[i].label);
    return error_set(error, FAILED_INPUT, "%s: %s (expected --variant with one of %s)", run->folder,
                     label ? "there is no such variant" : "this run has several variants", labels);
}

static enum result read_experiment(struct whatif *whatif, struct error *error)
{
    struct recorded_run *run = &whatif->run;
    if (!run->experiment)
        return error_set(error, FAILED_INPUT, "%s: the run does not say what experiment it was of",
                         run->folder);
    char *text = mem_text(run->experiment);
    enum result result = variants_parse(&whatif->variants, run->name, text, strlen(text), error);
    if (result != OK)
        return result;
    if ((size_t)whatif->variant >= whatif->variants.count)
        return error_set(error, FAILED_INPUT, "%s: the experiment has fewer variants than the run",
                         run->folder);
    return OK;
}

static enum result find_upstream(struct whatif *whatif, const char *name, struct error *error)
{
    const struct variant *variant = &whatif->variants.items[whatif->variant];
    const cJSON *gateway = cJSON_GetObjectItemCaseSensitive(conf_doc_root(variant->doc), "gateway");
    const cJSON *upstreams = cJSON_GetObjectItemCaseSensitive(gateway, "upstreams");
    whatif->upstream = cJSON_GetObjectItemCaseSensitive(upstreams, name);
    if (!cJSON_IsObject(whatif->upstream))
        return error_set(error, FAILED_INPUT, "the gateway of the run has no upstream \"%s\"",
                         name);
    static const char *const own[] = {"timeout", "retry", "hedge"};
    const cJSON *route;
    cJSON_ArrayForEach(route, cJSON_GetObjectItemCaseSensitive(gateway, "routes"))
    {
        for (size_t i = 0; i < ARRAY_LEN(own); i++)
            if (cJSON_GetObjectItemCaseSensitive(route, own[i]))
                return error_set(error, FAILED_INPUT,
                                 "a route of the run's gateway has its own \"%s\": what would be "
                                 "at another setting of the upstream cannot be said then",
                                 own[i]);
    }
    return OK;
}

static void read_world(struct whatif *whatif)
{
    const struct load_spec *load = &whatif->variants.items[whatif->variant].experiment.load;
    whatif->world = (struct replay_world){.clients = load->connections,
                                          .client_timeout = load->timeout.ns,
                                          .balance = whatif_balance_read(whatif->upstream),
                                          .seed = whatif->options->seed};
}

/* The upstream that most requests went to must be known before its timeouts are. */
static enum result read_trace(struct whatif *whatif, struct error *error)
{
    struct trace_source source = {.variant = whatif->variant,
                                  .upstream = whatif->options->upstream};
    if (!source.upstream) {
        enum result result =
            trace_find_upstream(&whatif->facts, &whatif->run, whatif->variant, error);
        if (result != OK)
            return result;
    } else {
        snprintf(whatif->facts.upstream, sizeof(whatif->facts.upstream), "%s", source.upstream);
    }
    enum result result = find_upstream(whatif, whatif->facts.upstream, error);
    if (result != OK)
        return result;
    whatif_setting_read(&whatif->present, whatif->upstream, whatif->options->proxy_table);
    read_world(whatif);
    source.upstream = whatif->facts.upstream;
    source.response = whatif->present.response;
    source.per_try = whatif->present.per_try;
    return trace_read(&whatif->trace, &whatif->facts, &whatif->run, &source, error);
}

/* ---- predicting */

static void withhold(struct whatif_point *point, const char *reason)
{
    snprintf(point->withheld, sizeof(point->withheld), "%s", reason);
}

static void judge_data(const struct whatif *whatif, const struct replay_setting *setting,
                       struct whatif_point *point)
{
    const struct prediction *prediction = &point->prediction;
    double unresolved = (double)(prediction->unresolved + prediction->unheard);
    if (prediction->requests < FEWEST_REQUESTS)
        withhold(point, "too few requests were measured");
    else if (whatif_find_flaw(whatif, point->withheld, sizeof(point->withheld)))
        return;
    else if (setting->idle_timeout > whatif->present.idle_timeout)
        withhold(point, "no connection was idle for so long");
    else if (setting->idle_timeout < whatif->present.idle_timeout && whatif->facts.reuses == 0)
        withhold(point, "nothing is known of idle connections");
    else if (unresolved > MOST_UNRESOLVED_SHARE * (double)prediction->requests &&
             unresolved > MOST_UNRESOLVED * (double)(prediction->failures + prediction->unheard))
        withhold(point, "nobody listened for so long: the records do not say who would be "
                        "answered in time");
}

static void predict(struct whatif *whatif, size_t number)
{
    const struct replay_setting *setting = &whatif->grid.points[number].setting;
    struct whatif_point *point = &whatif->points[number];
    (void)replay_run(&whatif->trace, &whatif->world, setting, whatif->outcomes);
    prediction_take(&point->prediction, &whatif->trace, whatif->outcomes, WHATIF_MUCH_LOAD,
                    whatif->options->seed);
    point->change = whatif_setting_change(setting, &whatif->present);
    judge_data(whatif, setting, point);
}

/* How far off the replay is where the truth is known. */
static void find_miss(struct whatif *whatif)
{
    const struct prediction *replayed = &whatif->points[0].prediction;
    const struct prediction_range *range = &replayed->p99_ms;
    double recorded = whatif->recorded.p99_ms.value;
    if (!replayed->p99_known || !whatif->recorded.p99_known)
        return;
    whatif->p99_miss = recorded - range->value;
    whatif->p99_missed = recorded < range->low || recorded > range->high;
}

static void predict_all(struct whatif *whatif)
{
    whatif->points = mem_alloc(whatif->grid.count, sizeof(*whatif->points));
    for (size_t i = 0; i < whatif->grid.count; i++)
        predict(whatif, i);
    find_miss(whatif);
    for (size_t i = 0; i < whatif->grid.count; i++) {
        prediction_widen_p99(&whatif->points[i].prediction, fabs(whatif->p99_miss));
        whatif_objective_judge(whatif, &whatif->points[i]);
    }
}

/* Least load, and where that is the same to a tenth of a per cent, the smallest change. */
static bool is_cheaper(const struct whatif_point *one, const struct whatif_point *other)
{
    double difference = one->prediction.extra_load - other->prediction.extra_load;
    if (difference > 0.001 || difference < -0.001)
        return difference < 0;
    return one->change < other->change;
}

static void find_best(struct whatif *whatif)
{
    whatif->best = -1;
    for (size_t i = 0; i < whatif->grid.count; i++)
        if (whatif->points[i].verdict == WHATIF_MEETS &&
            (whatif->best < 0 || is_cheaper(&whatif->points[i], &whatif->points[whatif->best])))
            whatif->best = (int)i;
}

/* What is no change is no point of its own: it is said instead. */
static void note_same(struct whatif *whatif, const struct whatif_asked *asked, const char *text,
                      size_t length, size_t count_before)
{
    if (asked->same[0])
        whatif_note(whatif, "%s: that is the present setting", asked->same);
    else if (whatif->grid.count == count_before)
        whatif_note(whatif, "\"%.*s\" is the same as another setting in this table", (int)length,
                    text);
}

static void note_endless(struct whatif *whatif, const struct replay_setting *setting)
{
    const struct replay_setting *present = &whatif->present;
    if ((setting->response == 0 && present->response > 0) ||
        (setting->total == 0 && present->total > 0) ||
        (setting->queue_wait == 0 && present->queue_wait > 0))
        whatif_note(whatif, "a timeout of 0s is for ever, as in the gateway's configuration");
}

static enum result add_asked(struct whatif *whatif, struct error *error)
{
    const char *text = whatif->options->at;
    grid_add(&whatif->grid, &whatif->present, "as it is");
    for (;; text++) {
        size_t length = strcspn(text, ";"), count = whatif->grid.count;
        struct whatif_asked asked = {.setting = whatif->present,
                                     .proxy_table = whatif->options->proxy_table};
        enum result result = whatif_setting_parse(&asked, text, length, error);
        if (result != OK)
            return result;
        grid_add(&whatif->grid, &asked.setting, "asked for");
        note_same(whatif, &asked, text, length, count);
        note_endless(whatif, &asked.setting);
        text += length;
        if (!*text)
            return OK;
    }
}

static enum result choose_settings(struct whatif *whatif, struct error *error)
{
    struct trace *trace = &whatif->trace;
    double quantile = whatif_hedge_quantile(whatif->upstream);
    if (quantile > 0) {
        int64_t delay = survival_quantile(&trace->ends, quantile);
        whatif->present.hedge_delay = delay < INT64_MAX ? delay : 0;
    }
    whatif->outcomes = mem_alloc(trace->request_count + 1, sizeof(*whatif->outcomes));
    prediction_recorded(trace, whatif->outcomes);
    prediction_take(&whatif->recorded, trace, whatif->outcomes, 0, whatif->options->seed);
    if (whatif->options->at)
        return add_asked(whatif, error);
    const struct grid_limits limits = {
        .client_timeout = whatif->world.client_timeout,
        .busiest = replay_run(trace, &whatif->world, &whatif->present, whatif->outcomes),
        .idle_known = whatif->facts.reuses > 0};
    grid_make(&whatif->grid, &whatif->present, &trace->ends, &limits);
    return OK;
}

static enum result work(struct whatif *whatif, struct error *error)
{
    enum result result = find_variant(whatif, error);
    if (result == OK)
        result = whatif_objective_read(whatif, error);
    if (result == OK)
        result = read_experiment(whatif, error);
    if (result == OK)
        result = read_trace(whatif, error);
    if (result == OK)
        result = choose_settings(whatif, error);
    if (result != OK)
        return result;
    predict_all(whatif);
    find_best(whatif);
    whatif_note_all(whatif);
    return whatif->options->prove ? whatif_prove(whatif, error) : OK;
}

static void release(struct whatif *whatif)
{
    for (size_t i = 0; whatif->points && i < whatif->grid.count; i++)
        prediction_free(&whatif->points[i].prediction);
    for (size_t i = 0; i < whatif->proof_count; i++)
        prediction_free(&whatif->proofs[i].measured);
    if (whatif->recorded.latency)
        prediction_free(&whatif->recorded);
    free(whatif->points);
    free(whatif->proofs);
    free(whatif->outcomes);
    free(whatif->condition_texts);
    grid_free(&whatif->grid);
    trace_free(&whatif->trace);
    variants_free(&whatif->variants);
    cJSON_Delete(whatif->notes);
    recorded_run_close(&whatif->run);
}

enum exit_status lab_whatif(const struct whatif_options *options)
{
    struct whatif whatif = {.options = options, .best = -1, .notes = cJSON_CreateArray()};
    struct error error;
    enum result result = recorded_run_open(&whatif.run, options->run, &error);
    if (result == OK)
        result = work(&whatif, &error);
    enum exit_status status = result_exit_status(result);
    if (result == OK)
        whatif_print(&whatif);
    else
        fprintf(stderr, "%s\n", error.text);
    if (result == OK && options->objective && whatif.best < 0)
        status = EXIT_EXPECTATION;
    release(&whatif);
    return status;
}
