/* SPDX-License-Identifier: MIT */
#include "lab/whatif/whatif.h"

#include <stdarg.h>
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
/* The prediction of a setting is withheld when more than this share of its failures might not be
 * any, for all that the data say, and this share of all requests. */
#define MOST_UNRESOLVED       0.5
#define MOST_UNRESOLVED_SHARE 0.0005
/* More tries than that, by requests, make backends slower than they were. */
#define MUCH_LOAD 0.05
/* A generator that lagged more ran on a machine whose own stalls are in the records. */
#define LATE_LAG_MS 20.0

void whatif_note(struct whatif *whatif, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    cJSON_AddItemToArray(whatif->notes, cJSON_CreateString(text));
}

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

/* ---- what is doubtful */

static void note_run(struct whatif *whatif)
{
    const struct recorded_run *run = &whatif->run;
    if (run->problem)
        whatif_note(whatif,
                    "the run was cut short (%s): what it would have shown later is not in "
                    "these figures",
                    run->problem);
    size_t unanswered = whatif->recorded.unanswered;
    if (unanswered > 0)
        whatif_note(whatif,
                    "%zu requests of the run (%.3g %%) were not answered: what became of clients "
                    "is not predicted, since the gateway alone is replayed, and the figures say "
                    "nothing of it",
                    unanswered, 100 * (double)unanswered / (double)whatif->recorded.requests);
    if (run->dropped > 0)
        whatif_note(whatif, "%llu records of the run were dropped: the figures lack those requests",
                    (unsigned long long)run->dropped);
    double lag = (double)whatif->facts.lag_p99 / (double)NS_PER_MS;
    if (lag > LATE_LAG_MS)
        whatif_note(whatif,
                    "the load generator of the run was late by %.1f ms at its p99: what held "
                    "it up has held up the others, too, and will not do so again",
                    lag);
    if (run->busy_share > 0.9)
        whatif_note(whatif,
                    "the machine was starved in the run (%.0f %% busy): its times are "
                    "those of that machine",
                    run->busy_share * 100);
}

static void note_facts(struct whatif *whatif)
{
    const struct trace_facts *facts = &whatif->facts;
    if (facts->given_up > 0 && facts->listened <= 0)
        whatif_note(whatif,
                    "no late response was listened for (late.window is 0s): of %zu tries "
                    "that were given up nobody knows when the response would have come, "
                    "and longer timeouts cannot be judged",
                    facts->given_up);
    else if (facts->given_up > facts->heard_late)
        whatif_note(whatif,
                    "of %zu tries that were given up, %zu had not been answered when "
                    "nobody listened any more: their times are estimated from the others' "
                    "(Kaplan-Meier)",
                    facts->given_up, facts->given_up - facts->heard_late);
    if (facts->cut)
        whatif_note(whatif,
                    "the run is long: the first %d requests of its rounds together are the "
                    "ones that this is about",
                    TRACE_MOST);
    if (facts->shut_out > 0)
        whatif_note(whatif,
                    "%zu requests were shut out (no endpoint, a breaker, a limit): they "
                    "are taken to be so at every setting",
                    facts->shut_out);
    if (facts->ejections > 0)
        whatif_note(whatif,
                    "endpoints were ejected or breakers opened %zu times: at another "
                    "setting they would be at other moments, which is not predicted",
                    facts->ejections);
    double quantile = whatif_hedge_quantile(whatif->upstream);
    if (quantile > 0)
        whatif_note(whatif,
                    "hedges are sent after the %g %% quantile, which is taken to be that "
                    "of the whole run",
                    quantile * 100);
}

static void note_replay(struct whatif *whatif)
{
    const struct prediction *replayed = &whatif->points[0].prediction;
    double recorded = whatif->recorded.failure_rate.value;
    if (recorded < replayed->failure_rate.low || recorded > replayed->failure_rate.high)
        whatif_note(whatif,
                    "replayed at its own setting, the run has %.3g %% failures, and really "
                    "it had %.3g %%: something that the replay does not know of was at "
                    "work, and the other figures are off as well",
                    replayed->failure_rate.value * 100, recorded * 100);
    whatif_note(whatif,
                "not in these figures: that more load makes backends slower. Where retries "
                "and hedges add more than %.0f %% of tries the intervals are widened by that share",
                MUCH_LOAD * 100);
    if (!whatif->options->at && whatif->facts.reuses == 0)
        whatif_note(whatif, "idle timeouts are withheld: no connection was used twice, so nothing "
                            "is known of idle ones");
    else if (!whatif->options->at)
        whatif_note(whatif, "idle timeouts above the present one are withheld: no connection was "
                            "idle for so long");
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
    if (prediction->requests < FEWEST_REQUESTS)
        withhold(point, "too few requests were measured");
    else if (setting->idle_timeout > whatif->present.idle_timeout)
        withhold(point, "no connection was idle for so long");
    else if (setting->idle_timeout < whatif->present.idle_timeout && whatif->facts.reuses == 0)
        withhold(point, "nothing is known of idle connections");
    else if ((double)prediction->unresolved >
                 MOST_UNRESOLVED_SHARE * (double)prediction->requests &&
             (double)prediction->unresolved > MOST_UNRESOLVED * (double)prediction->failures)
        withhold(point, "nobody listened for so long: the records do not say who would be "
                        "answered in time");
}

static void predict(struct whatif *whatif, size_t number)
{
    const struct replay_setting *setting = &whatif->grid.points[number].setting;
    struct whatif_point *point = &whatif->points[number];
    (void)replay_run(&whatif->trace, &whatif->world, setting, whatif->outcomes);
    prediction_take(&point->prediction, &whatif->trace, whatif->outcomes, MUCH_LOAD,
                    whatif->options->seed);
    point->change = whatif_setting_change(setting, &whatif->present);
    judge_data(whatif, setting, point);
    whatif_objective_judge(whatif, point);
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
    whatif->points = mem_alloc(whatif->grid.count, sizeof(*whatif->points));
    for (size_t i = 0; i < whatif->grid.count; i++)
        predict(whatif, i);
    find_best(whatif);
    note_run(whatif);
    note_facts(whatif);
    note_replay(whatif);
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
        fprintf(stderr, "%s%s\n", result == FAILED_INPUT ? "" : "tailgate: ", error.text);
    if (result == OK && options->objective && whatif.best < 0)
        status = EXIT_EXPECTATION;
    release(&whatif);
    return status;
}
