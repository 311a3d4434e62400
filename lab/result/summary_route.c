/* SPDX-License-Identifier: MIT */
#include "lab/result/summary_route.h"

#include <string.h>

#include <sqlite3.h>

#include "lab/read/query.h"

struct reading {
    struct variant_summary *summary;
    const char *route;
};

static void take_request(void *context, sqlite3_stmt *row)
{
    const struct reading *reading = context;
    struct variant_summary *summary = reading->summary;
    const char *route = (const char *)sqlite3_column_text(row, 0);
    if (!route || strcmp(route, reading->route) != 0)
        return;
    summary->requests++;
    hist_record(summary->latency, duration_ns(sqlite3_column_int64(row, 1)));
    hist_record(summary->lag, duration_ns(sqlite3_column_int64(row, 6)));
    int status = sqlite3_column_int(row, 2);
    if (sqlite3_column_int(row, 3))
        summary->statuses[status >= 0 && status < SUMMARY_STATUSES ? status : 0]++;
    else
        summary->client_error_count++;
    summary_count_cause(summary, (const char *)sqlite3_column_text(row, 4),
                        sqlite3_column_int(row, 5), 1);
}

enum result summary_route_read(struct variant_summary *summary, size_t variant, int64_t round,
                               const char *route, sqlite3 *db, struct error *error)
{
    *summary = (struct variant_summary){.label = route, .latency = hist_new(), .lag = hist_new()};
    struct reading reading = {summary, route};
    const int64_t parameters[] = {(int64_t)variant, round};
    enum result result = query_each(
        db,
        "SELECT r.route, c.done_ns - c.intended_ns, c.status, c.error = 'none', r.cause, r.status,"
        " c.lag_ns"
        " FROM client c JOIN request r ON " SAME_REQUEST(
            "r", "c") " WHERE c.variant = ?1 AND (?2 < 0 OR c.round = ?2) AND NOT c.warmup",
        parameters, ARRAY_LEN(parameters), take_request, &reading, error);
    summary_set_shares(summary);
    return result;
}
