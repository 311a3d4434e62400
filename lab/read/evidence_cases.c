/* SPDX-License-Identifier: MIT */
/* Which requests ask for a verdict, and what the records say of them. */
#include <string.h>

#include <sqlite3.h>

#include "lab/read/column.h"
#include "lab/read/evidence_parts.h"
#include "lab/read/evidence_rows.h"
#include "lib/base/clock.h"
#include "lib/base/hist.h"

/* Another answer is not what is looked for, but has not been slow either. */
static bool is_good(const struct exchange *exchange)
{
    return exchange_answered(exchange) && exchange->status < 500;
}

#define SLOWEST 0.99 /* and above */

static int64_t slowest_from(const struct exchange_round *round)
{
    struct hist *latency = hist_new();
    for (size_t i = 0; i < round->count; i++)
        if (!round->items[i].warmup && is_good(&round->items[i]))
            hist_record(latency, duration_ns(round->items[i].latency));
    int64_t from = hist_quantile(latency, SLOWEST).ns;
    hist_free(&latency);
    return from;
}

static enum blame_part part_of(const struct evidence *evidence, const struct exchange *exchange)
{
    if (exchange->warmup)
        return BLAME_PART_COUNT;
    if (exchange_failed(exchange))
        return BLAME_FAILED;
    if (!exchange_answered(exchange))
        return BLAME_LOST;
    bool slow = is_good(exchange) && exchange->latency > evidence->slower_from;
    return slow && exchange->rows > 0 ? BLAME_SLOW : BLAME_PART_COUNT;
}

#define CLOCK_SLACK                                                              \
    (100 * NS_PER_MS) /* a gateway tells the time once for all it does in a turn \
                       */

struct case_reading {
    struct evidence *evidence;
    struct blame_case *item;
};

static struct blame_trace trace_at(sqlite3_stmt *row, int column)
{
    struct blame_trace trace = {0};
    memcpy(trace.text, column_text(row, column), sizeof(trace.text) - 1);
    return trace;
}

static void name_case(struct case_reading *reading, sqlite3_stmt *row, int column)
{
    struct evidence *evidence = reading->evidence;
    uint64_t key;
    if (!column_trace_key(row, column, &key))
        return;
    reading->item->trace = trace_at(row, column);
    keymap_add(&evidence->case_of, key, (uint32_t)evidence->case_count);
}

static void take_client(void *context, sqlite3_stmt *row)
{
    struct case_reading *reading = context;
    name_case(reading, row, CLIENT_TRACE);
    reading->item->unsent = sqlite3_column_type(row, CLIENT_SENT) == SQLITE_NULL;
}

/* A request cannot come before it is due, nor begin when it has been answered: then the gateway's
 * clock is another than the generator's. Whoever gave up may be looked after later. */
static void take_request(void *context, sqlite3_stmt *row)
{
    struct case_reading *reading = context;
    struct blame_case *item = reading->item;
    const char *upstream = column_text(row, REQUEST_UPSTREAM);
    int64_t from = sqlite3_column_int64(row, REQUEST_STARTED);
    bool answered = item->part != BLAME_LOST;
    reading->evidence->elsewhere +=
        from < item->due - CLOCK_SLACK || (answered && from > item->until + CLOCK_SLACK);
    name_case(reading, row, REQUEST_TRACE);
    item->upstream = upstream ? names_number(&reading->evidence->upstreams, upstream) : BLAME_NONE;
    item->from = from;
    item->until = from + evidence_known(column_length(row, REQUEST_TOTAL));
    item->queue = column_length(row, REQUEST_QUEUE);
    item->deliver = column_length(row, REQUEST_DELIVER);
}

/* Other gateways do not record their tries. A request that one backend alone says it had was with
 * that one, for no longer than the client waited. */
static void take_served(void *context, sqlite3_stmt *row)
{
    struct case_reading *reading = context;
    struct evidence *evidence = reading->evidence;
    const struct blame_case *item = reading->item;
    if (sqlite3_column_int(row, SERVED_COUNT) != 1)
        return;
    struct blame_try try = {
        .owner = (uint32_t)evidence->case_count - 1,
        .endpoint = names_number(&evidence->endpoints, column_text(row, SERVED_ENDPOINT)),
        .upstream = item->upstream,
        .number = 1,
        .outcome = item->cause,
        .from = sqlite3_column_int64(row, SERVED_SENT),
        .until = sqlite3_column_int64(row, SERVED_DONE),
        .late = -1,
        .listened = -1,
        .backend_queue = column_length(row, SERVED_QUEUE),
        .backend_lock = column_length(row, SERVED_LOCK),
        .backend_work = column_length(row, SERVED_WORK),
        .backend_gc = column_length(row, SERVED_GC),
        .backend_cleanup = column_length(row, SERVED_CLEANUP),
        .gave_up = sqlite3_column_int(row, SERVED_GAVE_UP) != 0,
    };
    EVIDENCE_ADD(evidence, tries, try, try);
}

static enum result add_case(struct evidence *evidence, struct evidence_source *source,
                            const struct exchange_round *round, const struct exchange *exchange,
                            enum blame_part part, struct error *error)
{
    int64_t due = round->epoch + exchange->at;
    struct blame_case item = {
        .part = part,
        .upstream = BLAME_NONE,
        .cause = (enum cause)exchange->cause,
        .status = exchange->gateway_status,
        .error = (enum client_error)exchange->error,
        .recorded = exchange->rows > 0,
        .due = due,
        .from = due,
        .until = due + exchange->latency,
        .queue = -1,
        .deliver = -1,
        .latency = exchange->latency,
        .touched = BLAME_NONE,
    };
    struct case_reading reading = {evidence, &item};
    enum result result =
        item.recorded
            ? query_cursor_find(&source->request, exchange->request, take_request, &reading, error)
            : query_cursor_find(&source->client, exchange->client, take_client, &reading, error);
    if (result != OK || item.trace.text[0] == '\0')
        return result;
    EVIDENCE_ADD(evidence, cases, case, item);
    if (item.recorded && evidence->seen_count == 0)
        result = query_cursor_find(&source->served, exchange->client, take_served, &reading, error);
    return result;
}

enum result evidence_choose_cases(struct evidence *evidence, struct evidence_source *source,
                                  const struct exchange_round *round, struct error *error)
{
    enum result result = OK;
    evidence->unknown = round->unknown;
    evidence->slower_from = slowest_from(round);
    for (size_t i = 0; i < round->count && result == OK; i++) {
        const struct exchange *exchange = &round->items[i];
        enum blame_part part = part_of(evidence, exchange);
        evidence_note_moment(evidence, round->epoch + exchange->at + exchange->latency);
        if (part != BLAME_PART_COUNT)
            result = add_case(evidence, source, round, exchange, part, error);
    }
    return result;
}
