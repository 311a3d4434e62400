/* SPDX-License-Identifier: MIT */
#include "lab/report/report_round.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <sqlite3.h>

#include "lab/read/column.h"
#include "lab/read/query.h"
#include "lib/base/hist.h"
#include "lib/base/memory.h"
#include "lib/record/cause.h"

#define MOST_BUCKETS 400

/* A round being read. */
struct round_reading {
    cJSON *t, *requests, *p50, *p99, *max;
    cJSON *pauses, *states;
    struct hist *hist;
    duration bucket;
    size_t bucket_count, at; /* the bucket that is being filled */
    bool any;
    uint32_t *failures; /* by cause and bucket */
};

duration report_bucket(duration measured)
{
    int64_t widths = (measured.ns + MOST_BUCKETS - 1) / MOST_BUCKETS;
    int64_t tenths = (widths + 100 * NS_PER_MS - 1) / (100 * NS_PER_MS);
    return duration_ms(100 * (tenths > 0 ? tenths : 1));
}

static double ms_of(duration time)
{
    return (double)(time.ns / 1000) / 1000; /* microseconds are enough for a picture */
}

static void add_number(cJSON *list, double number)
{
    cJSON_AddItemToArray(list, cJSON_CreateNumber(number));
}

static void add_latency(cJSON *list, const struct hist *hist, duration value)
{
    cJSON_AddItemToArray(list,
                         hist_count(hist) ? cJSON_CreateNumber(ms_of(value)) : cJSON_CreateNull());
}

static void finish_bucket(struct round_reading *reading)
{
    struct hist *hist = reading->hist;
    add_number(reading->t, (double)(reading->at * (uint64_t)reading->bucket.ns) / 1e9);
    add_number(reading->requests, (double)hist_count(hist));
    add_latency(reading->p50, hist, hist_quantile(hist, 0.5));
    add_latency(reading->p99, hist, hist_quantile(hist, 0.99));
    add_latency(reading->max, hist, hist_max(hist));
    hist_clear(hist);
    reading->at++;
}

/* Beyond the last one: it is not drawn. */
static size_t bucket_of(const struct round_reading *reading, const struct exchange *exchange)
{
    size_t bucket = (size_t)(exchange->at / reading->bucket.ns);
    bool drawn = !exchange->warmup && bucket < reading->bucket_count;
    return drawn ? bucket : reading->bucket_count;
}

static void count_failure(struct round_reading *reading, const struct exchange *exchange,
                          size_t bucket)
{
    if (exchange_failed(exchange))
        reading->failures[(size_t)exchange->cause * reading->bucket_count + bucket]++;
}

/* Where the latencies of each bucket begin when they stand one behind the other; the last number is
 * how many there are. Free it. */
static size_t *lay_out(const struct round_reading *reading, const struct exchange_round *round)
{
    size_t *starts = mem_alloc(reading->bucket_count + 2, sizeof(*starts));
    for (size_t i = 0; i < round->count; i++)
        starts[bucket_of(reading, &round->items[i]) + 1]++;
    for (size_t i = 0; i < reading->bucket_count; i++)
        starts[i + 1] += starts[i];
    return starts;
}

/* One histogram serves all buckets, for it is larger than what is in most of them. */
static void count_requests(struct round_reading *reading, const struct exchange_round *round)
{
    size_t *starts = lay_out(reading, round), count = starts[reading->bucket_count];
    int64_t *latencies = mem_alloc(count + 1, sizeof(*latencies));
    for (size_t i = 0; i < round->count; i++) {
        size_t bucket = bucket_of(reading, &round->items[i]);
        if (bucket == reading->bucket_count)
            continue;
        latencies[starts[bucket]++] = round->items[i].latency;
        count_failure(reading, &round->items[i], bucket);
    }
    for (size_t at = 0; reading->at < reading->bucket_count; finish_bucket(reading))
        for (; at < starts[reading->at]; at++)
            hist_record(reading->hist, duration_ns(latencies[at]));
    reading->any = count > 0;
    free(latencies);
    free(starts);
}

static double seconds_in(sqlite3_stmt *row, int column)
{
    return (double)(sqlite3_column_int64(row, column) / 1000) / 1e6;
}

static void add_column_text(cJSON *object, const char *key, sqlite3_stmt *row, int column)
{
    cJSON_AddStringToObject(object, key, column_text_or_empty(row, column));
}

static void take_pause(void *context, sqlite3_stmt *row)
{
    cJSON *pause = cJSON_CreateObject();
    cJSON_AddNumberToObject(pause, "from", seconds_in(row, 0));
    cJSON_AddNumberToObject(pause, "to", seconds_in(row, 1));
    add_column_text(pause, "kind", row, 2);
    add_column_text(pause, "name", row, 3);
    add_column_text(pause, "process", row, 4);
    cJSON_AddItemToArray(((struct round_reading *)context)->pauses, pause);
}

static void take_state(void *context, sqlite3_stmt *row)
{
    cJSON *state = cJSON_CreateObject();
    cJSON_AddNumberToObject(state, "at", seconds_in(row, 0));
    add_column_text(state, "kind", row, 1);
    add_column_text(state, "subject", row, 2);
    add_column_text(state, "process", row, 3);
    cJSON_AddItemToArray(((struct round_reading *)context)->states, state);
}

static const struct {
    const char *sql; /* ?1 variant, ?2 round */
    query_row *visit;
} queries[] = {
    /* What the lab did to a process stands among the stalls that processes saw themselves. */
    {"WITH stall AS (SELECT variant, round, started_ns, ended_ns, kind, name, process FROM pause"
     "  UNION ALL SELECT variant, round, started_ns, ended_ns, kind, name, target FROM fault"
     "  WHERE process = '" LAB_PROCESS "' AND started_ns IS NOT NULL)"
     " SELECT p.started_ns - d.epoch_ns, ifnull(p.ended_ns - d.epoch_ns, d.duration_ns), p.kind,"
     "  p.name, p.process"
     " FROM stall p JOIN round d ON d.variant = p.variant AND d.round = p.round"
     " WHERE p.variant = ?1 AND p.round = ?2 AND ifnull(p.ended_ns >= d.epoch_ns, 1)"
     " AND p.started_ns < d.epoch_ns + d.duration_ns ORDER BY p.started_ns",
     take_pause},
    {"SELECT s.at_ns - d.epoch_ns, s.kind, s.subject, s.process"
     " FROM state s JOIN round d ON d.variant = s.variant AND d.round = s.round"
     " WHERE s.variant = ?1 AND s.round = ?2"
     " AND s.at_ns BETWEEN d.epoch_ns AND d.epoch_ns + d.duration_ns ORDER BY s.at_ns",
     take_state},
};

static cJSON *failures_json(const struct round_reading *reading)
{
    cJSON *failures = cJSON_CreateObject();
    for (size_t cause = 0; cause < CAUSE_COUNT; cause++) {
        const uint32_t *counts = &reading->failures[cause * reading->bucket_count];
        uint64_t total = 0;
        for (size_t i = 0; i < reading->bucket_count; i++)
            total += counts[i];
        if (total == 0)
            continue;
        cJSON *list = cJSON_AddArrayToObject(failures, cause_row((enum cause)cause)->name);
        for (size_t i = 0; i < reading->bucket_count; i++)
            add_number(list, counts[i]);
    }
    return failures;
}

static const struct exchange_round *find_round(const struct exchanges *exchanges, size_t variant,
                                               int64_t number)
{
    static const struct exchange_round none = {0}; /* the run was cut short before this round */
    for (size_t i = 0; i < exchanges->count; i++)
        if (exchange_round_is(&exchanges->rounds[i], variant, number))
            return &exchanges->rounds[i];
    return &none;
}

enum result report_round_add(cJSON *rounds, const struct summary *summary, size_t variant,
                             int64_t round, sqlite3 *db, struct error *error)
{
    duration measured = plan_experiment(summary->plan, variant)->load.duration;
    struct round_reading reading = {.hist = hist_new(), .bucket = report_bucket(measured)};
    reading.bucket_count = (size_t)((measured.ns + reading.bucket.ns - 1) / reading.bucket.ns);
    reading.failures = mem_alloc(CAUSE_COUNT * reading.bucket_count, sizeof(*reading.failures));
    cJSON *json = cJSON_CreateObject();
    cJSON_AddItemToArray(rounds, json);
    cJSON_AddNumberToObject(json, "round", (double)round);
    reading.t = cJSON_AddArrayToObject(json, "t");
    reading.requests = cJSON_AddArrayToObject(json, "requests");
    reading.p50 = cJSON_AddArrayToObject(json, "p50");
    reading.p99 = cJSON_AddArrayToObject(json, "p99");
    reading.max = cJSON_AddArrayToObject(json, "max");
    reading.pauses = cJSON_AddArrayToObject(json, "pauses");
    reading.states = cJSON_AddArrayToObject(json, "states");
    const int64_t parameters[] = {(int64_t)variant, round};
    enum result result = OK;
    for (size_t i = 0; i < ARRAY_LEN(queries) && result == OK; i++)
        result = query_each(db, queries[i].sql, parameters, ARRAY_LEN(parameters), queries[i].visit,
                            &reading, error);
    count_requests(&reading, find_round(summary->exchanges, variant, round));
    cJSON_AddItemToObject(json, "failures", failures_json(&reading));
    if (!reading.any)
        cJSON_Delete(cJSON_DetachItemViaPointer(rounds, json));
    hist_free(&reading.hist);
    free(reading.failures);
    return result;
}
