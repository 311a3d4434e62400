/* SPDX-License-Identifier: MIT */
#include "lab/result/agreement.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <sqlite3.h>

#include "lab/read/column.h"
#include "lab/read/query.h"
#include "lab/result/summary.h"
#include "lib/base/memory.h"
#include "lib/record/reader.h"

/* A number for each status, and behind them one for each error of the generator. */
#define OUTCOMES (SUMMARY_STATUSES + CLIENT_ERROR_COUNT)

enum part { PART_MEASURED, PART_WARMUP, PART_COUNT }; /* as in exchange_round.unfinished */
static const char *const part_names[PART_COUNT] = {"measured", "warmup"};

/* One side of a comparison: how many requests came to each outcome. */
struct counts {
    uint64_t of[PART_COUNT][OUTCOMES];
};

/* A round being checked. */
struct check {
    cJSON *differences;
    const struct exchange_round *round;
    bool other; /* its gateway is another program, which does not record its tries */
    struct counts tally, records;
};

static enum part part_of(const struct exchange *exchange)
{
    return exchange->warmup ? PART_WARMUP : PART_MEASURED;
}

/* The words between two counts that should be the same. */
struct words {
    const char *one, *other;
};

static void compare(struct check *check, const char *what, struct words words, uint64_t one,
                    uint64_t other)
{
    char text[256];
    if (one == other)
        return;
    snprintf(text, sizeof(text), "variant %d, round %d, %s: %s %lld, %s %lld",
             (int)check->round->variant, (int)check->round->round, what, words.one, (long long)one,
             words.other, (long long)other);
    cJSON_AddItemToArray(check->differences, cJSON_CreateString(text));
}

/* ---- the generator's tally, and its records */

static void take_tally(void *context, sqlite3_stmt *row)
{
    struct check *check = context;
    const char *part = column_text(row, 0);
    const char *name = column_text(row, 2);
    size_t at = 0;
    if (strcmp(column_text(row, 1), "error") != 0) {
        at = (size_t)atoi(name);
    } else {
        while (at + 1 < CLIENT_ERROR_COUNT &&
               strcmp(client_error_name((enum client_error)at), name) != 0)
            at++;
        at += SUMMARY_STATUSES;
    }
    if (at < OUTCOMES)
        check->tally.of[strcmp(part, part_names[PART_WARMUP]) == 0][at] +=
            (uint64_t)sqlite3_column_int64(row, 3);
}

static void count_records(struct check *check)
{
    for (size_t i = 0; i < check->round->count; i++) {
        const struct exchange *exchange = &check->round->items[i];
        size_t status = exchange->status < SUMMARY_STATUSES ? exchange->status : 0;
        size_t at =
            exchange_answered(exchange) ? status : (size_t)SUMMARY_STATUSES + exchange->error;
        check->records.of[part_of(exchange)][at]++;
    }
    for (size_t part = 0; part < PART_COUNT; part++)
        check->records.of[part][SUMMARY_STATUSES + CLIENT_ERROR_UNFINISHED] +=
            check->round->unfinished[part];
}

static void compare_tally(struct check *check)
{
    static const struct words words = {"the generator counted", "it recorded"};
    for (size_t part = 0; part < PART_COUNT; part++)
        for (size_t at = 0; at < OUTCOMES; at++) {
            char what[80];
            if (at < SUMMARY_STATUSES)
                snprintf(what, sizeof(what), "%s requests with status %zu", part_names[part], at);
            else
                snprintf(what, sizeof(what), "%s requests with error %s", part_names[part],
                         client_error_name((enum client_error)(at - SUMMARY_STATUSES)));
            compare(check, what, words, check->tally.of[part][at], check->records.of[part][at]);
        }
}

/* ---- the generator's records, and the gateway's */

static void compare_responses(struct check *check)
{
    static const struct words heard = {"the generator has a response to", "the gateway recorded"};
    static const struct words same = {"the generator and the gateway recorded",
                                      "with the same status"};
    uint64_t answered[PART_COUNT] = {0}, recorded[PART_COUNT] = {0}, agreed = 0;
    for (size_t i = 0; i < check->round->count; i++) {
        const struct exchange *exchange = &check->round->items[i];
        if (!exchange_answered(exchange))
            continue;
        /* What the gateway recorded twice is as wrong as what it did not record. */
        answered[part_of(exchange)] += exchange->rows > 0 ? exchange->rows : 1;
        recorded[part_of(exchange)] += exchange->rows > 0;
        agreed += exchange->rows > 0 && exchange->status == exchange->gateway_status;
    }
    for (size_t part = 0; part < PART_COUNT; part++) {
        char what[40];
        snprintf(what, sizeof(what), "%s requests", part_names[part]);
        compare(check, what, heard, answered[part], recorded[part]);
    }
    compare(check, "answered requests", same, recorded[PART_MEASURED] + recorded[PART_WARMUP],
            agreed);
}

static void compare_requests(struct check *check)
{
    const struct exchange_round *round = check->round;
    static const struct words sent = {"the gateway recorded", "the generator sent"};
    static const struct words tried = {"the gateway's requests say they made", "it recorded"};
    compare(check, "requests", sent, round->requests, round->known);
    if (round->requests > 0 && !check->other)
        compare(check, "attempts", tried, round->tries, round->attempts);
}

/* ---- */

static void take_arrivals(void *context, sqlite3_stmt *row)
{
    static const struct words words = {"the generator had arrivals", "it finished"};
    char what[40];
    snprintf(what, sizeof(what), "%s requests", column_text(row, 0));
    compare(context, what, words, (uint64_t)sqlite3_column_int64(row, 1),
            (uint64_t)sqlite3_column_int64(row, 2));
}

static void take_gateway(void *context, sqlite3_stmt *row)
{
    ((struct check *)context)->other = sqlite3_column_int(row, 0) != 0;
}

static void take_count(void *context, sqlite3_stmt *row)
{
    *(uint64_t *)context = (uint64_t)sqlite3_column_int64(row, 0);
}

static const struct {
    const char *sql; /* ?1 variant, ?2 round */
    query_row *visit;
} queries[] = {
    {"SELECT part, what, name, n FROM tally WHERE variant = ?1 AND round = ?2"
     " AND what IN ('status', 'error')",
     take_tally},
    {"SELECT part, sum(n * (what = 'arrivals')), sum(n * (what = 'done')) FROM tally"
     " WHERE variant = ?1 AND round = ?2 GROUP BY part",
     take_arrivals},
    {"SELECT other FROM variant WHERE variant = ?1 AND ?2 >= 0", take_gateway},
};

static enum result check_round(cJSON *differences, const struct exchange_round *round, sqlite3 *db,
                               struct error *error)
{
    struct check *check = mem_alloc(1, sizeof(*check));
    check->differences = differences;
    check->round = round;
    const int64_t parameters[] = {round->variant, round->round};
    enum result result = OK;
    for (size_t i = 0; i < ARRAY_LEN(queries) && result == OK; i++)
        result = query_each(db, queries[i].sql, parameters, ARRAY_LEN(parameters), queries[i].visit,
                            check, error);
    if (result == OK) {
        count_records(check);
        compare_tally(check);
        compare_responses(check);
        compare_requests(check);
    }
    free(check);
    return result;
}

enum result agreement_check(const struct exchanges *exchanges, sqlite3 *db, cJSON *differences,
                            uint64_t *tallied, struct error *error)
{
    enum result result = OK;
    for (size_t i = 0; i < exchanges->count && result == OK; i++)
        result = check_round(differences, &exchanges->rounds[i], db, error);
    if (result == OK)
        result =
            query_each(db,
                       "SELECT sum(iif(what = 'done', n, -n)) FROM tally WHERE part = 'measured'"
                       " AND (what = 'done' OR what = 'error' AND name = 'unfinished')",
                       NULL, 0, take_count, tallied, error);
    return result;
}
