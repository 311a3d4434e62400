/* SPDX-License-Identifier: MIT */
#include "lab/run/run_db.h"

#include <stdio.h>
#include <stdlib.h>

#include <cjson/cJSON.h>
#include <sqlite3.h>

#include "lab/read/query.h"
#include "lab/run/gateway_rows.h"
#include "lab/run/run_dir.h"
#include "lib/base/memory.h"

struct run_db {
    struct record_db *records;
    sqlite3 *handle;
    const struct plan *plan;
    uint64_t dropped;
};

static const char tables[] =
    "CREATE TABLE variant (variant INTEGER PRIMARY KEY, label TEXT, vals TEXT, gateway TEXT,"
    " other INTEGER, fault TEXT);"
    "CREATE TABLE round (variant INTEGER, round INTEGER, epoch_ns INTEGER, started_ns INTEGER,"
    " ended_ns INTEGER, warmup_ns INTEGER, duration_ns INTEGER, complete INTEGER,"
    " busy_share REAL);"
    "CREATE TABLE process (variant INTEGER, round INTEGER, process TEXT, cpu_s REAL);"
    "CREATE TABLE endpoint (variant INTEGER, round INTEGER, process TEXT, address TEXT);"
    "CREATE TABLE tally (variant INTEGER, round INTEGER, part TEXT, what TEXT, name TEXT,"
    " n INTEGER);"
    "CREATE VIEW outcome AS"
    " SELECT c.variant, c.round, c.ordinal, c.trace_id, c.warmup, c.method, c.path, c.intended_ns,"
    "  c.done_ns - c.intended_ns AS latency_ns, c.lag_ns, c.status, c.error,"
    "  r.status AS gateway_status, r.cause, r.cut_short, r.attempts, r.queue_ns, r.connect_ns,"
    "  r.wait_ns, r.receive_ns, r.deliver_ns, r.cleanup_ns, r.total_ns, a.endpoint, a.outcome,"
    "  a.connection_requests, a.late_ns, a.listened_ns, a.backend_queue_ns, a.backend_lock_ns, "
    "a.backend_work_ns,"
    "  a.backend_gc_ns, a.backend_cleanup_ns"
    " FROM client c LEFT JOIN request r ON " SAME_REQUEST(
        "r", "c") " LEFT JOIN attempt a ON " SAME_REQUEST("a", "c") " AND a.number = r.attempts;";

/* Inserts a row of texts, whole numbers and reals, as `types` says: "tid". */
static enum result insert(struct run_db *db, const char *sql, const char *types,
                          struct error *error, ...)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(db->handle, sql, -1, &statement, NULL) != SQLITE_OK)
        return error_set(error, FAILED_SYSTEM, "run.db: %s", sqlite3_errmsg(db->handle));
    va_list values;
    va_start(values, error);
    for (int i = 0; types[i]; i++) {
        if (types[i] == 't')
            sqlite3_bind_text(statement, i + 1, va_arg(values, const char *), -1, SQLITE_STATIC);
        else if (types[i] == 'i')
            sqlite3_bind_int64(statement, i + 1, va_arg(values, int64_t));
        else
            sqlite3_bind_double(statement, i + 1, va_arg(values, double));
    }
    va_end(values);
    sqlite3_step(statement);
    if (sqlite3_finalize(statement) == SQLITE_OK)
        return OK;
    return error_set(error, FAILED_SYSTEM, "run.db: %s", sqlite3_errmsg(db->handle));
}

static enum result write_meta(struct run_db *db, const char *started, struct error *error)
{
    char seed[32];
    snprintf(seed, sizeof(seed), "%llu", (unsigned long long)db->plan->seed);
    char *path = realpath(db->plan->path, NULL);
    const struct {
        const char *key, *value;
    } rows[] = {
        {"version", PACKAGE_VERSION},
        {"name", plan_experiment(db->plan, 0)->name},
        {"started", started},
        {"seed", seed},
        {"experiment", db->plan->variants.text},
        {"path", path ? path : db->plan->path},
    };
    enum result result = OK;
    for (size_t i = 0; i < ARRAY_LEN(rows) && result == OK; i++)
        result = record_db_set_meta(db->records, rows[i].key, rows[i].value, error);
    free(path);
    return result;
}

static enum result write_variants(struct run_db *db, struct error *error)
{
    enum result result = OK;
    for (size_t i = 0; i < db->plan->variants.count && result == OK; i++) {
        const struct variant *variant = &db->plan->variants.items[i];
        char *values = cJSON_PrintUnformatted(variant->values), name[64];
        const cJSON *gateway = variant->experiment.gateway;
        result = insert(db, "INSERT INTO variant VALUES (?,?,?,?,?,?)", "itttit", error, (int64_t)i,
                        variant->label, values,
                        variant->gateway[0] ? variant->gateway
                                            : gateway_name(gateway, name, sizeof(name)),
                        (int64_t)gateway_is_command(gateway), variant->rest);
        cJSON_free(values);
    }
    return result;
}

enum result run_db_open(struct run_db **out, const char *path, const struct plan *plan,
                        const char *started, struct error *error)
{
    struct run_db *db = mem_alloc(1, sizeof(*db));
    db->plan = plan;
    enum result result = record_db_open(&db->records, path, error);
    if (result == OK) {
        db->handle = record_db_handle(db->records);
        result = query_execute(db->handle, tables, error);
    }
    if (result == OK)
        result = query_execute(db->handle, gateway_rows_tables, error);
    if (result == OK)
        result = write_meta(db, started, error);
    if (result == OK)
        result = write_variants(db, error);
    *out = db;
    return result;
}

/* ---- rounds */

static enum result insert_count(struct run_db *db, const struct round_facts *facts,
                                const char *part, const char *what, const char *name,
                                const tally_count *count, struct error *error)
{
    int64_t n = (int64_t)tally_get(count);
    if (n == 0)
        return OK;
    return insert(db, "INSERT INTO tally VALUES (?,?,?,?,?,?)", "iittti", error,
                  (int64_t)facts->variant, facts->round, part, what, name, n);
}

static enum result insert_tally_part(struct run_db *db, const struct round_facts *facts,
                                     const char *name, const struct tally_part *part,
                                     struct error *error)
{
    enum result result = insert_count(db, facts, name, "arrivals", NULL, &part->arrivals, error);
    if (result == OK)
        result = insert_count(db, facts, name, "queued", NULL, &part->queued, error);
    if (result == OK)
        result = insert_count(db, facts, name, "sent", NULL, &part->sent, error);
    if (result == OK)
        result = insert_count(db, facts, name, "done", NULL, &part->done, error);
    for (int status = 0; status < TALLY_STATUSES && result == OK; status++) {
        char text[16];
        snprintf(text, sizeof(text), "%d", status);
        result = insert_count(db, facts, name, "status", text, &part->statuses[status], error);
    }
    for (int i = 0; i < CLIENT_ERROR_COUNT && result == OK; i++)
        result = insert_count(db, facts, name, "error", client_error_name((enum client_error)i),
                              &part->errors[i], error);
    return result;
}

static enum result insert_facts(struct run_db *db, const struct round_facts *facts,
                                struct error *error)
{
    const struct load_spec *load = &plan_experiment(db->plan, facts->variant)->load;
    enum result result = insert(db, "INSERT INTO round VALUES (?,?,?,?,?,?,?,?,?)", "iiiiiiiid",
                                error, (int64_t)facts->variant, facts->round, facts->epoch.ns,
                                facts->started.ns, facts->ended.ns, load->warmup.ns,
                                load->duration.ns, (int64_t)facts->complete, facts->busy_share);
    for (size_t i = 0; i < facts->use_count && result == OK; i++)
        result = insert(db, "INSERT INTO process VALUES (?,?,?,?)", "iitd", error,
                        (int64_t)facts->variant, facts->round, facts->uses[i].process,
                        facts->uses[i].cpu_s);
    for (size_t i = 0; i < facts->address_count && result == OK; i++)
        result = insert(db, "INSERT INTO endpoint VALUES (?,?,?,?)", "iitt", error,
                        (int64_t)facts->variant, facts->round, facts->addresses[i].process,
                        facts->addresses[i].address);
    return result;
}

/* The lab keeps no records of its own: what it did goes where the others' records are. */
static enum result insert_injected(struct run_db *db, const struct round_facts *facts,
                                   const struct injected *row, struct error *error)
{
    enum result result =
        insert(db,
               "INSERT INTO fault (variant, round, process, worker, name, target, kind, ordinal,"
               " planned_at_ns, planned_for_ns, started_ns, ended_ns)"
               " VALUES (?,?,?,0,?,?,?,?,?,?,nullif(?,0),nullif(?,0))",
               "iittttiiiii", error, (int64_t)facts->variant, facts->round, LAB_PROCESS, row->fault,
               row->target, row->kind, (int64_t)row->ordinal, row->planned_at.ns,
               row->planned_for.ns, row->started.ns, row->ended.ns);
    if (result != OK || !row->gave_up)
        return result;
    return insert(db,
                  "INSERT INTO state (variant, round, process, worker, at_ns, kind, subject, value)"
                  " VALUES (?,?,?,0,?,?,?,?)",
                  "iititti", error, (int64_t)facts->variant, facts->round, LAB_PROCESS,
                  row->gave_up_at.ns, state_kind_name(STATE_RESTARTS_GIVEN_UP), row->target,
                  (int64_t)row->restarts);
}

enum result run_db_add_round(struct run_db *db, const char *records,
                             const struct round_facts *facts, const struct tally *tally,
                             struct error *error)
{
    enum result result = record_db_add_folder(db->records, records, (int)facts->variant,
                                              (int)facts->round, &db->dropped, error);
    if (result == OK)
        result = insert_facts(db, facts, error);
    for (size_t i = 0; i < facts->injected.count && result == OK; i++)
        result = insert_injected(db, facts, &facts->injected.items[i], error);
    if (result == OK && db->plan->items[facts->variant].command)
        result = gateway_rows_add(db->handle, db->plan, facts, error);
    if (result == OK && tally)
        result = insert_tally_part(db, facts, "warmup", &tally->warmup, error);
    if (result == OK && tally)
        result = insert_tally_part(db, facts, "measured", &tally->measured, error);
    return result;
}

enum result run_db_close(struct run_db **out, const char *problem, struct error *error)
{
    struct run_db *db = *out;
    if (!db)
        return OK;
    *out = NULL;
    enum result result = OK;
    if (db->records) {
        char dropped[32];
        snprintf(dropped, sizeof(dropped), "%llu", (unsigned long long)db->dropped);
        result = record_db_set_meta(db->records, "records_dropped", dropped, error);
        if (result == OK)
            result = query_execute(db->handle, gateway_rows_index, error);
        if (result == OK && problem)
            result = record_db_set_meta(db->records, "problem", problem, error);
        struct error closing;
        enum result closed = record_db_close(&db->records, result == OK ? error : &closing);
        result = result == OK ? closed : result;
    }
    free(db);
    return result;
}

uint64_t run_db_dropped(const struct run_db *db)
{
    return db->dropped;
}
