/* SPDX-License-Identifier: MIT */
#include "lab/result/summary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <sqlite3.h>

#include "lab/investigate/investigate.h"
#include "lab/read/column.h"
#include "lab/read/query.h"
#include "lab/result/agreement.h"
#include "lab/result/blame_summary.h"
#include "lab/result/claim_result.h"
#include "lab/result/clients.h"
#include "lab/result/json.h"
#include "lab/result/judge.h"
#include "lab/result/matrix.h"
#include "lab/result/summary_faults.h"
#include "lib/base/memory.h"
#include "lib/record/reader.h"

#define LATE_LAG_MS   5.0 /* a generator that lags more is part of what it measures */
#define LATE_FAULT_MS 20.0
#define STARVED       0.9

/* What the exchanges and queries of one variant fill. */
struct reading {
    struct variant_summary *variant;
    uint64_t in_time; /* answered below 500 within the measured time */
    double seconds;   /* the measured time of all rounds */
};

static double ms_of(duration time)
{
    return (double)time.ns / (double)NS_PER_MS;
}

/* ---- a variant, or a round of it */

static void count_client(struct reading *reading, const struct exchange *exchange, int64_t lasted)
{
    struct variant_summary *variant = reading->variant;
    variant->requests++;
    hist_record(variant->latency, duration_ns(exchange->latency));
    hist_record(variant->lag, duration_ns(exchange->lag));
    if (!exchange_answered(exchange)) {
        clients_count_failure(variant, exchange);
        return;
    }
    variant->statuses[exchange->status < SUMMARY_STATUSES ? exchange->status : 0]++;
    reading->in_time += exchange->at + exchange->latency < lasted && exchange->status < 500;
}

void summary_count_cause(struct variant_summary *variant, enum cause cause, int status)
{
    bool failed = cause_is_gateway_failure(cause, status);
    variant->gateway_requests++;
    variant->gateway_failures += failed;
    variant->causes[cause] += failed || cause != CAUSE_NONE;
}

static void count_exchanges(struct reading *reading, const struct exchanges *exchanges,
                            size_t variant, int64_t number)
{
    for (size_t i = 0; i < exchanges->count; i++) {
        const struct exchange_round *round = &exchanges->rounds[i];
        bool asked = exchange_round_is(round, variant, number);
        for (size_t at = 0; at < round->count && asked; at++) {
            const struct exchange *exchange = &round->items[at];
            if (exchange->warmup)
                continue;
            count_client(reading, exchange, round->duration);
            if (exchange->rows > 0)
                summary_count_cause(reading->variant, (enum cause)exchange->cause,
                                    exchange->gateway_status);
        }
    }
}

static void take_collections(void *context, sqlite3_stmt *row)
{
    ((struct reading *)context)->variant->collections = (uint64_t)sqlite3_column_int64(row, 0);
}

static void take_queued(void *context, sqlite3_stmt *row)
{
    ((struct reading *)context)->variant->queued = (uint64_t)sqlite3_column_int64(row, 0);
}

static void take_time(void *context, sqlite3_stmt *row)
{
    struct reading *reading = context;
    reading->seconds = sqlite3_column_double(row, 0) / 1e9;
    reading->variant->busy_share = sqlite3_column_double(row, 1);
}

static const struct {
    const char *sql; /* ?1 is the variant, ?2 the round or -1 */
    query_row *visit;
} queries[] = {
    {"SELECT count(*) FROM pause p JOIN round r ON r.variant = p.variant AND r.round = p.round"
     " WHERE p.variant = ?1 AND (?2 < 0 OR p.round = ?2) AND p.kind = 'collection'"
     " AND p.started_ns BETWEEN r.epoch_ns AND r.epoch_ns + r.duration_ns",
     take_collections},
    {"SELECT sum(n) FROM tally WHERE variant = ?1 AND (?2 < 0 OR round = ?2) AND part = 'measured' "
     "AND what = 'queued'",
     take_queued},
    {"SELECT sum(max(0, min(ended_ns, epoch_ns + duration_ns) - epoch_ns)), max(busy_share)"
     " FROM round WHERE variant = ?1 AND (?2 < 0 OR round = ?2) AND epoch_ns > 0",
     take_time},
};

void summary_set_shares(struct variant_summary *variant)
{
    const struct hist *latency = variant->latency;
    variant->mean_ms = ms_of(hist_mean(latency));
    variant->p50_ms = ms_of(hist_quantile(latency, 0.5));
    variant->p90_ms = ms_of(hist_quantile(latency, 0.9));
    variant->p95_ms = ms_of(hist_quantile(latency, 0.95));
    variant->p99_ms = ms_of(hist_quantile(latency, 0.99));
    variant->p999_ms = ms_of(hist_quantile(latency, 0.999));
    variant->max_ms = ms_of(hist_max(latency));
    if (variant->requests > 0)
        variant->failure_rate = (double)variant->gateway_failures / (double)variant->requests;
    if (variant->requests > 0)
        variant->client_failure_rate = (double)variant->client_failures / (double)variant->requests;
}

double summary_carried(const struct variant_summary *variant, double quantile, double figure)
{
    bool carried =
        variant->requests > 0 && summary_has_quantile((double)variant->requests, quantile);
    return carried ? figure : NAN;
}

static void set_figures(struct reading *reading)
{
    struct variant_summary *variant = reading->variant;
    summary_set_shares(variant);
    if (reading->seconds > 0) {
        variant->throughput_rps = (double)reading->in_time / reading->seconds;
        variant->collections_per_s = (double)variant->collections / reading->seconds;
    }
}

enum result summary_read_part(struct variant_summary *variant, const struct exchanges *exchanges,
                              size_t number, int64_t round, sqlite3 *db, struct error *error)
{
    variant->latency = hist_new();
    variant->lag = hist_new();
    struct reading reading = {.variant = variant};
    const int64_t parameters[] = {(int64_t)number, round};
    count_exchanges(&reading, exchanges, number, round);
    enum result result = OK;
    for (size_t i = 0; i < ARRAY_LEN(queries) && result == OK; i++)
        result = query_each(db, queries[i].sql, parameters, ARRAY_LEN(parameters), queries[i].visit,
                            &reading, error);
    set_figures(&reading);
    return result;
}

static enum result read_variant(struct summary *summary, size_t number, struct hist *lag,
                                sqlite3 *db, struct error *error)
{
    struct variant_summary *variant = &summary->variants[number];
    variant->label = summary->plan->variants.items[number].label;
    enum result result = summary_read_part(variant, summary->exchanges, number, -1, db, error);
    if (result == OK)
        result = summary_faults_read(&variant->faults, &summary->plan->variants.items[number],
                                     number, db, error);
    if (result == OK)
        result = blame_summary_read(&variant->blame, db, (int64_t)number, error);
    if (result == OK)
        result = matrix_read(&variant->matrix, summary->plan, number, db, error);
    hist_merge(lag, variant->lag);
    if (variant->busy_share > summary->busy_share)
        summary->busy_share = variant->busy_share;
    return result;
}

/* ---- over all variants */

static void take_process(void *context, sqlite3_stmt *row)
{
    cJSON_AddNumberToObject(context, column_text(row, 0), sqlite3_column_double(row, 1));
}

static void note(struct summary *summary, const char *format, ...) PRINTF_LIKE(2, 3);
static void note(struct summary *summary, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    cJSON_AddItemToArray(summary->notes, cJSON_CreateString(text));
}

static void note_fault(struct summary *summary, const struct variant_summary *variant,
                       const cJSON *fault)
{
    const char *name = cJSON_GetObjectItemCaseSensitive(fault, "name")->valuestring;
    const char *target = cJSON_GetObjectItemCaseSensitive(fault, "target")->valuestring;
    double missed = json_number(fault, "missed"), late = json_number(fault, "late_ms");
    if (json_number(fault, "touched") == 0)
        note(summary, "in %s, the fault \"%s\" touched nothing on %s", variant->label, name,
             target);
    else if (missed > 0)
        note(summary,
             "in %s, the fault \"%s\" could not be done to %s %.0f times, for the process was "
             "away or held already",
             variant->label, name, target, missed);
    if (json_number(fault, "unended") > 0)
        note(summary, "in %s, the fault \"%s\" ended %s, which did not come back", variant->label,
             name, target);
    if (late > LATE_FAULT_MS)
        note(summary, "in %s, the fault \"%s\" began up to %.1f ms late", variant->label, name,
             late);
}

static bool is_judged(const struct summary *summary, const struct variant_summary *variant)
{
    for (size_t i = 0; i < summary->verdict_count; i++)
        if (&summary->variants[summary->verdicts[i].variant] == variant)
            return true;
    return false;
}

/* What a gateway that is a program of its own says of itself. */
static void note_log(struct summary *summary, const struct variant_summary *variant)
{
    const cJSON *log = cJSON_GetObjectItemCaseSensitive(variant->matrix, "log");
    if (log && cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(log, "missing")))
        note(summary,
             "in %s, the gateway's log (%s) does not exist in the gateway's folder: which failures "
             "it knew of, and why, is not known (expected \"file\" to name what the gateway "
             "writes; without it the log is what goes to stdout and stderr)",
             variant->label, json_text(log, "file"));
    else if (log && json_number(log, "requests") + json_number(log, "not_understood") == 0)
        note(summary,
             "in %s, the gateway's log (%s) has no line about a request, and %.0f others: "
             "which failures it knew of, and why, is not known",
             variant->label, json_text(log, "file"), json_number(log, "lines"));
}

static void note_blame(struct summary *summary, const struct variant_summary *variant,
                       enum blame_part part, uint64_t counted, const char *what)
{
    uint64_t blamed = blame_summary_count(variant->blame, part);
    if (blamed != counted)
        note(summary, "in %s, %llu %s were counted and %llu have been blamed on something",
             variant->label, (unsigned long long)counted, what, (unsigned long long)blamed);
}

static void note_unfinished(struct summary *summary, size_t variant)
{
    uint64_t unfinished = 0;
    for (size_t i = 0; i < summary->exchanges->count; i++)
        if (exchange_round_is(&summary->exchanges->rounds[i], variant, -1))
            unfinished += summary->exchanges->rounds[i].unfinished[0];
    if (unfinished > 0)
        note(summary,
             "in %s, %llu request%s under way when the run was cut short: no figure has %s",
             summary->variants[variant].label, (unsigned long long)unfinished,
             unfinished == 1 ? " was" : "s were", unfinished == 1 ? "it" : "them");
}

/* What a variant's figures do not show by themselves. */
static void note_variant(struct summary *summary, const struct variant_summary *variant)
{
    if (variant->requests == 0)
        note(summary, "nothing was measured of %s%s", variant->label,
             is_judged(summary, variant) ? ", so none of its expectations can hold" : "");
    const cJSON *fault;
    cJSON_ArrayForEach(fault, variant->faults) note_fault(summary, variant, fault);
    note_log(summary, variant);
    if (variant->queued > 0)
        note(summary,
             "in %s, %llu of %llu requests waited for a free connection of the load generator, "
             "which is part of their latency (load.connections is too low, if it was not meant)",
             variant->label, (unsigned long long)variant->queued,
             (unsigned long long)variant->requests);
    note_blame(summary, variant, BLAME_FAILED, variant->gateway_failures, "failures");
    note_blame(summary, variant, BLAME_LOST, variant->client_only_failures,
               "requests without a whole answer");
    char lost[512];
    if (clients_note(variant, lost, sizeof(lost))[0])
        note(summary, "%s", lost);
    uint64_t refused = 0;
    for (int status = 400; status < 500; status++)
        refused += variant->statuses[status];
    if (refused > variant->requests / 2)
        note(summary,
             "in %s, %llu of %llu requests were answered by a 4xx, which is no gateway failure: "
             "are the paths of the load those of the routes and handlers?",
             variant->label, (unsigned long long)refused, (unsigned long long)variant->requests);
}

/* Once for each program that is not there. */
static void note_left_out(struct summary *summary)
{
    const struct plan *plan = summary->plan;
    char said[256] = "", text[256];
    for (size_t i = 0; i < plan->variants.count; i++) {
        if (!plan->items[i].skipped)
            continue;
        gateway_describe_missing(plan->items[i].command, text, sizeof(text));
        if (strcmp(text, said) != 0)
            note(summary, "left out, as \"%s\": %s", summary->variants[i].label, text);
        snprintf(said, sizeof(said), "%s", text);
    }
}

static void add_notes(struct summary *summary)
{
    if (summary->busy_share > STARVED)
        note(summary,
             "the machine was starved: its cores were %.0f %% busy in a round; do not "
             "trust these latencies (lower the rate, or use more cores)",
             summary->busy_share * 100);
    if (summary->lag_p99_ms > LATE_LAG_MS)
        note(summary,
             "the load generator itself was late: by %.1f ms at its p99, which is part of "
             "every latency here",
             summary->lag_p99_ms);
    if (summary->records_dropped > 0)
        note(summary, "%llu records could not be written and are missing from every figure",
             (unsigned long long)summary->records_dropped);
    int differences = cJSON_GetArraySize(summary->differences);
    if (differences > 0)
        note(summary,
             "the counts of the load generator and of the gateway do not agree in %d "
             "place%s: %s",
             differences, differences == 1 ? "" : "s",
             cJSON_GetArrayItem(summary->differences, 0)->valuestring);
    note_left_out(summary);
    for (size_t i = 0; i < summary->plan->variants.count; i++)
        if (!summary->plan->items[i].skipped)
            note_variant(summary, &summary->variants[i]);
    for (size_t i = 0; i < summary->plan->variants.count; i++)
        note_unfinished(summary, i);
}

static enum result read_all(struct summary *summary, struct hist *lag, sqlite3 *db,
                            struct error *error)
{
    enum result result = OK;
    for (size_t i = 0; i < summary->plan->variants.count && result == OK; i++)
        result = read_variant(summary, i, lag, db, error);
    if (result == OK)
        result = query_each(db, "SELECT process, sum(cpu_s) FROM process GROUP BY process", NULL, 0,
                            take_process, summary->processes, error);
    return result == OK ? agreement_check(summary->exchanges, db, summary->differences,
                                          &summary->tallied, error)
                        : result;
}

enum result summary_read(struct summary *summary, sqlite3 *db, struct error *error)
{
    summary->variants = mem_alloc(summary->plan->variants.count, sizeof(*summary->variants));
    summary->processes = cJSON_CreateObject();
    summary->differences = cJSON_CreateArray();
    summary->notes = cJSON_CreateArray();
    struct hist *lag = hist_new();
    enum result result = read_all(summary, lag, db, error);
    summary->lag_p99_ms = ms_of(hist_quantile(lag, 0.99));
    summary->lag_max_ms = ms_of(hist_max(lag));
    hist_free(&lag);
    if (result == OK)
        result = judge_expectations(summary, db, error);
    if (result == OK)
        result = investigate(&summary->finding, summary, db, error);
    if (result == OK)
        add_notes(summary);
    if (result == OK)
        result = claim_results_read(&summary->claims, summary, db, error);
    return result;
}

void summary_free(struct summary *summary)
{
    for (size_t i = 0; summary->variants && i < summary->plan->variants.count; i++) {
        hist_free(&summary->variants[i].latency);
        hist_free(&summary->variants[i].lag);
        cJSON_Delete(summary->variants[i].faults);
        cJSON_Delete(summary->variants[i].blame);
        cJSON_Delete(summary->variants[i].matrix);
    }
    free(summary->variants);
    free(summary->verdicts);
    free(summary->claims);
    cJSON_Delete(summary->processes);
    cJSON_Delete(summary->differences);
    cJSON_Delete(summary->finding);
    cJSON_Delete(summary->notes);
    *summary = (struct summary){0};
}

bool summary_holds(const struct summary *summary)
{
    for (size_t i = 0; i < summary->verdict_count; i++)
        if (!summary->verdicts[i].holds)
            return false;
    return true;
}
