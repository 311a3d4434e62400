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
    int status = sqlite3_column_int(row, 2);
    if (sqlite3_column_int(row, 3))
        summary->statuses[status >= 0 && status < SUMMARY_STATUSES ? status : 0]++;
    else
        summary->client_error_count++;
    summary_count_cause(summary, (const char *)sqlite3_column_text(row, 4),
                        sqlite3_column_int(row, 5), 1);
}

enum result summary_route_read(struct variant_summary *summary, size_t variant, const char *route,
                               sqlite3 *db, struct error *error)
{
    *summary = (struct variant_summary){.label = route, .latency = hist_new()};
    struct reading reading = {summary, route};
    const int64_t parameter = (int64_t)variant;
    enum result result = query_each(
        db,
        "SELECT r.route, c.done_ns - c.intended_ns, c.status, c.error = 'none', r.cause, r.status"
        " FROM client c JOIN request r ON " SAME_REQUEST(
            "r", "c") " WHERE c.variant = ?1 AND NOT c.warmup",
        &parameter, 1, take_request, &reading, error);
    summary_set_shares(summary);
    return result;
}
