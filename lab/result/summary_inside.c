/* SPDX-License-Identifier: MIT */
#include "lab/result/summary_inside.h"

#include <math.h>

#include <sqlite3.h>

#include "lab/plan/links.h"
#include "lab/read/query.h"

/* NaN for NULL, which the averages of nothing are. */
static double ms_at(sqlite3_stmt *row, int column)
{
    if (sqlite3_column_type(row, column) == SQLITE_NULL)
        return NAN;
    return sqlite3_column_double(row, column) / (double)NS_PER_MS;
}

static void take_phases(void *context, sqlite3_stmt *row)
{
    struct inside_figures *inside = context;
    inside->queue_ms = ms_at(row, 0);
    inside->lock_ms = ms_at(row, 1);
    inside->work_ms = ms_at(row, 2);
    inside->gc_ms = ms_at(row, 3);
    inside->cleanup_ms = ms_at(row, 4);
    inside->span_ms = ms_at(row, 5);
}

static void take_cpu(void *context, sqlite3_stmt *row)
{
    struct inside_figures *inside = context;
    inside->gateway_cpu_ms = ms_at(row, 0);
    inside->backend_cpu_ms = ms_at(row, 1);
}

/* A try belongs to the measured load when it began after the warm-up. One that says nothing of a
 * phase has spent nothing in it, so long as it says anything. */
static const char phases_sql[] =
    "SELECT avg(queue), avg(held), avg(work), avg(gc), avg(cleanup),"
    " avg(queue + held + work + gc + cleanup)"
    " FROM (SELECT coalesce(a.backend_queue_ns, 0) AS queue,"
    "  coalesce(a.backend_lock_ns, 0) AS held, coalesce(a.backend_work_ns, 0) AS work,"
    "  coalesce(a.backend_gc_ns, 0) AS gc, coalesce(a.backend_cleanup_ns, 0) AS cleanup"
    "  FROM attempt a JOIN round r ON r.variant = a.variant AND r.round = a.round"
    "  WHERE a.variant = ?1 AND (?2 < 0 OR a.round = ?2) AND a.started_ns >= r.epoch_ns"
    "  AND coalesce(a.backend_queue_ns, a.backend_lock_ns, a.backend_work_ns, a.backend_gc_ns,"
    "   a.backend_cleanup_ns) IS NOT NULL)";

/* Of the measured load, as the processes are measured from its start on. Links, the load generator
 * and the lab are neither gateway nor backend. */
static const char cpu_sql[] =
    "WITH load(n) AS (SELECT count(*) FROM client"
    "  WHERE variant = ?1 AND (?2 < 0 OR round = ?2) AND NOT warmup)"
    " SELECT 1e9 * sum(CASE WHEN process = '" GATEWAY_PROCESS "' THEN cpu_s END)"
    "   / (SELECT nullif(n, 0) FROM load),"
    "  1e9 * sum(CASE WHEN process NOT IN ('" GATEWAY_PROCESS "', '" LOAD_PROCESS "', '" LAB_PROCESS
    "', '" LINKS_PROCESS "') THEN cpu_s END)"
    "   / (SELECT nullif(n, 0) FROM load)"
    " FROM process WHERE variant = ?1 AND (?2 < 0 OR round = ?2)";

enum result summary_inside_read(struct inside_figures *inside, size_t variant, int64_t round,
                                sqlite3 *db, struct error *error)
{
    const int64_t parameters[] = {(int64_t)variant, round};
    *inside = (struct inside_figures){0};
    enum result result =
        query_each(db, phases_sql, parameters, ARRAY_LEN(parameters), take_phases, inside, error);
    if (result == OK)
        result =
            query_each(db, cpu_sql, parameters, ARRAY_LEN(parameters), take_cpu, inside, error);
    return result;
}
