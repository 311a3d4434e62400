/* SPDX-License-Identifier: MIT */
/* The timeout ladder: of client, gateway and backend, who gives up first, and what the backend does
 * for nobody then. */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <sqlite3.h>

#include "lab/analysis/ladder.h"
#include "lab/investigate/finding.h"
#include "lab/plan/investigation.h"
#include "lab/read/column.h"
#include "lab/read/query.h"
#include "lab/result/summary.h"
#include "lib/record/cause.h"

#define LEAST_REQUESTS 50 /* of a variant, before a share of them is told */

enum { AXIS_CLIENT, AXIS_GATEWAY, AXIS_BACKEND };

/* Columns: the client's error and status, the gateway's cause, whether a backend gave up. */
static enum ladder_end end_of(sqlite3_stmt *row)
{
    const char *error = column_text_or_empty(row, 0);
    int status = sqlite3_column_int(row, 1);
    enum cause cause = cause_by_name(column_text_or_empty(row, 2));
    if (strcmp(error, "timeout") == 0)
        return LADDER_CLIENT;
    if (strcmp(error, "none") == 0 && status < 500)
        return LADDER_ANSWERED;
    if (cause == CAUSE_RESPONSE_TIMEOUT || cause == CAUSE_TOTAL_TIMEOUT)
        return LADDER_GATEWAY;
    return sqlite3_column_int(row, 3) ? LADDER_BACKEND : LADDER_OTHER;
}

static void take_request(void *context, sqlite3_stmt *row)
{
    ladder_add_request(context, end_of(row));
}

static void take_work(void *context, sqlite3_stmt *row)
{
    int64_t started = sqlite3_column_int64(row, 5);
    const struct ladder_work work = {.started = started,
                                     .ended = started + sqlite3_column_int64(row, 6),
                                     .held = sqlite3_column_int64(row, 7)};
    ladder_add_work(context, &work, end_of(row), sqlite3_column_int64(row, 4));
}

#define OF_REQUEST                                                                     \
    "SELECT c.error, c.status, r.cause,"                                               \
    " EXISTS (SELECT 1 FROM served g WHERE " SAME_REQUEST("g", "c") " AND g.gave_up)," \
                                                                    " c.done_ns"

static const struct {
    const char *sql; /* ?1 is the variant */
    query_row *visit;
} queries[] = {
    {OF_REQUEST " FROM client c LEFT JOIN request r ON " SAME_REQUEST(
         "r", "c") " WHERE c.variant = ?1 AND NOT c.warmup",
     take_request},
    {OF_REQUEST
     ", s.started_ns, s.total_ns, s.lock_ns + s.work_ns"
     " FROM client c JOIN served s ON " SAME_REQUEST(
         "s",
         "c") " LEFT JOIN request r ON " SAME_REQUEST("r",
                                                      "c") " WHERE c.variant = ?1 AND NOT c.warmup",
     take_work},
};

/* ---- what is made of it */

static uint64_t requests_of(const struct ladder *ladder)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < LADDER_END_COUNT; i++)
        sum += ladder->ends[i];
    return sum;
}

static double share(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

/* "client 200 ms < gateway 400 ms": the shortest first. */
static void describe_order(char *out, size_t size, const int64_t timeouts[INVESTIGATION_AXES])
{
    static const char *const names[] = {"client", "gateway", "backend"};
    size_t order[] = {0, 1, 2};
    for (size_t i = 1; i < 3; i++)
        for (size_t j = i; j > 0 && timeouts[order[j]] < timeouts[order[j - 1]]; j--) {
            size_t other = order[j];
            order[j] = order[j - 1];
            order[j - 1] = other;
        }
    out[0] = '\0';
    for (size_t i = 0; i < 3; i++) {
        size_t length = strlen(out);
        char time[FINDING_TIME];
        bool tie = i > 0 && timeouts[order[i]] == timeouts[order[i - 1]];
        snprintf(out + length, size - length, "%s%s %s",
                 i == 0 ? ""
                 : tie  ? " = "
                        : " < ",
                 names[order[i]], finding_time(time, timeouts[order[i]]));
    }
}

struct rung {
    struct ladder ladder;
    char order[128];
    bool in_order, judged;
    double unheard, in_vain; /* shares of the backends' work */
};

static void add_row(cJSON *finding, const struct rung *rung)
{
    double all = (double)requests_of(&rung->ladder);
    cJSON *row = finding_add_row(finding);
    finding_add_cell(row, "%s", rung->order);
    for (size_t i = 0; i < LADDER_END_COUNT; i++)
        finding_add_cell(row, "%.1f%%", share((double)rung->ladder.ends[i], all) * 100);
    if (!rung->judged) {
        finding_add_cell(row, "-");
        finding_add_cell(row, "-");
        return;
    }
    finding_add_cell(row, "%.1f%%", rung->unheard * 100);
    finding_add_cell(row, "%.1f%%", rung->in_vain * 100);
}

static void add_data(cJSON *list, const struct rung *rung, const int64_t *timeouts)
{
    static const char *const keys[] = {"client_ms", "gateway_ms", "backend_ms"};
    static const char *const ends[] = {"answered", "backend", "gateway", "client", "other"};
    cJSON *json = cJSON_CreateObject();
    for (size_t i = 0; i < 3; i++)
        cJSON_AddNumberToObject(json, keys[i], (double)timeouts[i] / 1e6);
    cJSON_AddStringToObject(json, "order", rung->order);
    cJSON_AddBoolToObject(json, "in_order", rung->in_order);
    for (size_t i = 0; i < LADDER_END_COUNT; i++)
        cJSON_AddNumberToObject(json, ends[i], (double)rung->ladder.ends[i]);
    if (rung->judged) {
        cJSON_AddNumberToObject(json, "unheard", rung->unheard);
        cJSON_AddNumberToObject(json, "in_vain", rung->in_vain);
    }
    cJSON_AddItemToArray(list, json);
}

static enum result read_rung(struct rung *rung, const struct investigated *run, size_t variant,
                             const int64_t *timeouts, struct error *error)
{
    *rung = (struct rung){0};
    const int64_t parameter = (int64_t)variant;
    enum result result = OK;
    for (size_t i = 0; i < ARRAY_LEN(queries) && result == OK; i++)
        result = query_each(run->db, queries[i].sql, &parameter, 1, queries[i].visit, &rung->ladder,
                            error);
    describe_order(rung->order, sizeof(rung->order), timeouts);
    rung->in_order =
        ladder_is_in_order(timeouts[AXIS_CLIENT], timeouts[AXIS_GATEWAY], timeouts[AXIS_BACKEND]);
    rung->judged = requests_of(&rung->ladder) >= LEAST_REQUESTS && rung->ladder.held > 0;
    rung->unheard = share(rung->ladder.unheard, rung->ladder.held);
    rung->in_vain = share(rung->ladder.in_vain, rung->ladder.held);
    return result;
}

static double answered_share(const struct rung *rung)
{
    return share((double)rung->ladder.ends[LADDER_ANSWERED], (double)requests_of(&rung->ladder));
}

/* The ladders in which each gives up before the one that waits for it. They all waste little, and
 * the one that gives everybody up soonest wastes nothing: what tells them apart is what they
 * answer. */
struct orderly {
    struct rung best; /* answers most */
    double unheard;   /* at most */
};

static void take_orderly(struct orderly *orderly, const struct rung *rung)
{
    if (!rung->judged || !rung->in_order)
        return;
    if (rung->unheard > orderly->unheard)
        orderly->unheard = rung->unheard;
    if (!orderly->best.judged || answered_share(rung) > answered_share(&orderly->best))
        orderly->best = *rung;
}

/* The order that wastes most, and what is best among those that are in order. */
static void conclude(cJSON *finding, const struct rung *worst, const struct orderly *orderly)
{
    if (!worst->judged) {
        finding_withhold(finding,
                         "in no variant were there %d requests, and backends' records of them",
                         LEAST_REQUESTS);
        return;
    }
    char besides[384] = "";
    if (orderly->best.judged)
        snprintf(besides, sizeof(besides),
                 " Where each gives up before the one that waits for it, it is %.1f %% at most; of "
                 "these ladders %s answers most: %.1f %% of the requests.",
                 orderly->unheard * 100, orderly->best.order, answered_share(&orderly->best) * 100);
    finding_answer(finding,
                   "Of what the backends did, up to %.0f %% was done after its client had gone: "
                   "with %s.%s",
                   worst->unheard * 100, worst->order, besides);
}

enum result timeout_ladder_investigate(cJSON *finding, const struct investigated *run,
                                       struct error *error)
{
    static const char *const titles[] = {"gives up after",  "answered",    "backend gave up",
                                         "gateway",         "client",      "otherwise",
                                         "work for nobody", "work in vain"};
    struct rung rung, worst = {0};
    struct orderly orderly = {0};
    cJSON *list = cJSON_AddArrayToObject(finding_data(finding), "rungs");
    finding_set_columns(finding, titles, ARRAY_LEN(titles));
    enum result result = OK;
    for (size_t i = 0; i < run->summary->plan->variants.count && result == OK; i++) {
        int64_t timeouts[INVESTIGATION_AXES];
        for (size_t axis = 0; axis < INVESTIGATION_AXES; axis++)
            timeouts[axis] = finding_value_ns(run, i, axis);
        result = read_rung(&rung, run, i, timeouts, error);
        add_row(finding, &rung);
        add_data(list, &rung, timeouts);
        if (rung.judged && (!worst.judged || rung.unheard > worst.unheard))
            worst = rung;
        take_orderly(&orderly, &rung);
    }
    if (result == OK)
        conclude(finding, &worst, &orderly);
    return result;
}
