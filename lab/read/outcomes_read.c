/* SPDX-License-Identifier: MIT */
#include "lab/read/outcomes_read.h"

#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "lab/analysis/order.h"
#include "lab/read/column.h"
#include "lab/read/keymap.h"
#include "lab/read/query.h"
#include "lib/base/buf.h"
#include "lib/base/hash.h"
#include "lib/base/memory.h"
#include "lib/record/cause.h"

#define MOST_NAMES 256 /* beyond it a target is "(others)": only their being the same matters */

/* A variant being read: first what the load generator saw, then what the gateway says of it. */
struct reading {
    struct outcomes *outcomes;
    size_t capacity;
    size_t backwards; /* rows whose moments run backwards */
    struct outcome_epoch {
        int64_t round, epoch, duration;
    } * epochs;
    size_t epoch_count, epoch; /* epoch: that of the row before */
    struct keymap by_key;
};

/* ---- names and trace ids */

static uint16_t intern(struct outcomes *outcomes, const char *name, uint16_t *last)
{
    if (*last < outcomes->name_count && strcmp(outcomes->names[*last], name) == 0)
        return *last;
    for (size_t i = 0; i < outcomes->name_count; i++)
        if (strcmp(outcomes->names[i], name) == 0)
            return *last = (uint16_t)i;
    if (outcomes->name_count == MOST_NAMES)
        name = "(others)";
    if (outcomes->name_count > MOST_NAMES)
        return MOST_NAMES;
    outcomes->names = mem_grow(outcomes->names, outcomes->name_count + 1, sizeof(*outcomes->names));
    outcomes->names[outcomes->name_count] = mem_text(name);
    return *last = (uint16_t)outcomes->name_count++;
}

/* What was asked for is called "GET /path". */
static bool is_target(const char *name, const char *method, const char *path)
{
    size_t length = strlen(method);
    return strncmp(name, method, length) == 0 && name[length] == ' ' &&
           strcmp(name + length + 1, path) == 0;
}

static uint16_t intern_target(struct outcomes *outcomes, const char *method, const char *path,
                              uint16_t last)
{
    if (last < outcomes->name_count && is_target(outcomes->names[last], method, path))
        return last;
    struct buf name = {0};
    buf_printf(&name, "%s %s", method, path);
    buf_append(&name, "", 1);
    uint16_t number = intern(outcomes, buf_head(&name), &last);
    buf_free(&name);
    return number;
}

/* One trace id may come in several rounds. 0: there is none. */
static uint64_t key_of(sqlite3_stmt *row, int column, int64_t round)
{
    uint64_t key;
    if (!column_trace_key(row, column, &key))
        return 0;
    return key ^ hash_mix((uint64_t)round) << 4;
}

/* ---- what the load generator saw */

/* NULL when nothing was measured in that round. */
static const struct outcome_epoch *find_epoch(struct reading *reading, int64_t round)
{
    if (reading->epoch < reading->epoch_count && reading->epochs[reading->epoch].round == round)
        return &reading->epochs[reading->epoch];
    for (reading->epoch = 0; reading->epoch < reading->epoch_count; reading->epoch++)
        if (reading->epochs[reading->epoch].round == round)
            return &reading->epochs[reading->epoch];
    return NULL;
}

static struct outcome *add_outcome(struct reading *reading)
{
    struct outcomes *outcomes = reading->outcomes;
    outcomes->items =
        mem_room(outcomes->items, outcomes->count, &reading->capacity, sizeof(*outcomes->items));
    return &outcomes->items[outcomes->count++];
}

#define CLIENTS                                                                               \
    "SELECT round, trace_id, intended_ns, done_ns, lag_ns, status, error, method, path FROM " \
    "client"                                                                                  \
    " WHERE variant = ?1 AND NOT warmup"
enum client_column {
    CLIENT_ROUND,
    CLIENT_TRACE,
    CLIENT_INTENDED,
    CLIENT_DONE,
    CLIENT_LAG,
    CLIENT_STATUS,
    CLIENT_ERROR,
    CLIENT_METHOD,
    CLIENT_PATH,
};

static void take_client(void *context, sqlite3_stmt *row)
{
    struct reading *reading = context;
    struct outcomes *outcomes = reading->outcomes;
    const struct outcome_epoch *epoch =
        find_epoch(reading, sqlite3_column_int64(row, CLIENT_ROUND));
    if (!epoch)
        return;
    int64_t intended = sqlite3_column_int64(row, CLIENT_INTENDED);
    struct outcome *outcome = add_outcome(reading);
    *outcome = (struct outcome){
        .key = key_of(row, CLIENT_TRACE, epoch->round),
        .round = (uint32_t)epoch->round,
        .at = intended - epoch->epoch,
        .latency = sqlite3_column_int64(row, CLIENT_DONE) - intended,
        .lag = sqlite3_column_int64(row, CLIENT_LAG),
        .route = OUTCOME_NO_ROUTE,
        .cause = CAUSE_NONE,
        .unanswered = strcmp(column_text_or_empty(row, CLIENT_ERROR), "none") != 0,
    };
    outcome->good = !outcome->unanswered && sqlite3_column_int(row, CLIENT_STATUS) < 500 &&
                    outcome->at + outcome->latency < epoch->duration;
    outcome->target = intern_target(outcomes, column_text_or_empty(row, CLIENT_METHOD),
                                    column_text_or_empty(row, CLIENT_PATH),
                                    outcomes->count > 1 ? outcome[-1].target : 0);
    if (outcome->key != 0)
        keymap_add(&reading->by_key, outcome->key, (uint32_t)(outcomes->count - 1));
    reading->backwards += outcome->latency < 0 || outcome->at < 0;
}

/* ---- what the gateway says */

static void take_request(void *context, sqlite3_stmt *row)
{
    struct reading *reading = context;
    struct outcomes *outcomes = reading->outcomes;
    uint64_t key = key_of(row, 1, sqlite3_column_int64(row, 0));
    uint32_t number = key != 0 ? keymap_find(&reading->by_key, key) : KEYMAP_NONE;
    if (number == KEYMAP_NONE)
        return; /* of the warm-up */
    struct outcome *outcome = &outcomes->items[number];
    enum cause cause = cause_by_name(column_text_or_empty(row, 2));
    cause = cause == CAUSE_COUNT ? CAUSE_NONE : cause;
    outcome->known = true;
    outcome->cause = (uint8_t)cause;
    outcome->failed = cause_is_gateway_failure(cause, sqlite3_column_int(row, 3));
    uint16_t last = 0;
    if (sqlite3_column_type(row, 4) != SQLITE_NULL)
        outcome->route = intern(outcomes, column_text_or_empty(row, 4), &last);
}

/* ---- rounds */

static void take_round(void *context, sqlite3_stmt *row)
{
    struct reading *reading = context;
    struct outcomes *outcomes = reading->outcomes;
    const struct outcome_epoch epoch = {sqlite3_column_int64(row, 0), sqlite3_column_int64(row, 1),
                                        sqlite3_column_int64(row, 2)};
    reading->epochs = mem_grow(reading->epochs, reading->epoch_count + 1, sizeof(*reading->epochs));
    reading->epochs[reading->epoch_count++] = epoch;
    outcomes->rounds =
        mem_grow(outcomes->rounds, outcomes->round_count + 1, sizeof(*outcomes->rounds));
    outcomes->rounds[outcomes->round_count++] =
        (struct outcome_round){.number = epoch.round, .duration = epoch.duration};
}

/* ---- order */

static int by_key(const void *a, const void *b)
{
    const struct outcome *one = a, *other = b;
    return (one->key > other->key) - (one->key < other->key);
}

/* Requests of one moment have the same order in every variant. */
static void sort_simultaneous(struct outcomes *outcomes)
{
    struct outcome *items = outcomes->items;
    for (size_t from = 0, to; from < outcomes->count; from = to) {
        for (to = from + 1; to < outcomes->count && items[to].at == items[from].at &&
                            items[to].round == items[from].round;)
            to++;
        if (to - from > 1)
            qsort(items + from, to - from, sizeof(*items), by_key);
    }
}

static void sort_outcomes(struct outcomes *outcomes)
{
    struct order_item *order = mem_alloc(outcomes->count + 1, sizeof(*order));
    for (size_t i = 0; i < outcomes->count; i++)
        order[i] = (struct order_item){outcomes->items[i].at, (uint32_t)i};
    order_sort(order, outcomes->count);
    for (size_t i = 0; i < outcomes->count; i++)
        order[i].key = outcomes->items[order[i].index].round;
    order_sort(order, outcomes->count);
    order_apply(outcomes->items, sizeof(*outcomes->items), order, outcomes->count);
    free(order);
    sort_simultaneous(outcomes);
}

static void find_rounds(struct outcomes *outcomes)
{
    size_t at = 0;
    for (size_t i = 0; i < outcomes->round_count; i++) {
        struct outcome_round *round = &outcomes->rounds[i];
        while (at < outcomes->count && outcomes->items[at].round < round->number)
            at++;
        round->from = at;
        while (at < outcomes->count && outcomes->items[at].round == round->number)
            at++;
        round->count = at - round->from;
    }
}

static const char rounds_sql[] = "SELECT round, epoch_ns, duration_ns FROM round WHERE variant = "
                                 "?1 AND epoch_ns > 0 ORDER BY round";
static const char requests_sql[] =
    "SELECT round, trace_id, cause, status, route FROM request WHERE variant = ?1";

static enum result read_rows(struct reading *reading, const struct recorded_run *run,
                             int64_t variant, struct error *error)
{
    enum result result = query_each(run->db, rounds_sql, &variant, 1, take_round, reading, error);
    if (result == OK)
        result = query_each(run->db, CLIENTS, &variant, 1, take_client, reading, error);
    if (result == OK && reading->backwards > 0)
        result = error_set(error, FAILED_INPUT,
                           "%s: in %zu requests time runs backwards: their moments come from two "
                           "clocks, and nothing can be said of their latency",
                           run->folder, reading->backwards);
    if (result == OK)
        result = query_each(run->db, requests_sql, &variant, 1, take_request, reading, error);
    return result;
}

enum result outcomes_read(struct outcomes *outcomes, const struct recorded_run *run, int variant,
                          struct error *error)
{
    *outcomes = (struct outcomes){0};
    struct reading reading = {.outcomes = outcomes};
    enum result result = read_rows(&reading, run, variant, error);
    free(reading.epochs);
    keymap_free(&reading.by_key);
    sort_outcomes(outcomes);
    find_rounds(outcomes);
    return result;
}
