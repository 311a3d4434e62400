/* SPDX-License-Identifier: MIT */
#include "lab/read/recorded_run.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "lab/read/column.h"
#include "lab/read/query.h"
#include "lib/base/buf.h"
#include "lib/base/memory.h"

char *run_folder(const char *run, const char *file)
{
    for (size_t i = 0; i < 2; i++) {
        struct buf path = {0};
        buf_append_text(&path, run);
        while (buf_len(&path) > 1 && buf_head(&path)[buf_len(&path) - 1] == '/')
            path.end--;
        buf_append_text(&path, i == 0 ? "" : "/latest");
        size_t folder = buf_len(&path);
        buf_printf(&path, "/%s", file);
        buf_append(&path, "", 1);
        if (access(buf_head(&path), F_OK) == 0) {
            buf_head(&path)[folder] = '\0';
            return path.data;
        }
        buf_free(&path);
    }
    return NULL;
}

static char *column_copy(sqlite3_stmt *row, int column)
{
    return mem_text(column_text_or_empty(row, column));
}

static void take_meta(void *context, sqlite3_stmt *row)
{
    struct recorded_run *run = context;
    const struct {
        const char *key;
        char **place;
    } texts[] = {{"name", &run->name},       {"started", &run->started},
                 {"seed", &run->seed},       {"version", &run->version},
                 {"problem", &run->problem}, {"experiment", &run->experiment},
                 {"path", &run->path}};
    const char *key = column_text(row, 0);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (strcmp(key, texts[i].key) == 0 && !*texts[i].place)
            *texts[i].place = column_copy(row, 1);
    if (strcmp(key, "records_dropped") == 0)
        run->dropped = (uint64_t)sqlite3_column_int64(row, 1);
}

static void take_variant(void *context, sqlite3_stmt *row)
{
    struct recorded_run *run = context;
    run->variants = mem_grow(run->variants, run->variant_count + 1, sizeof(*run->variants));
    run->variants[run->variant_count++] =
        (struct recorded_variant){column_copy(row, 0), column_copy(row, 1)};
}

static void take_rounds(void *context, sqlite3_stmt *row)
{
    struct recorded_run *run = context;
    run->cut_rounds = (size_t)sqlite3_column_int64(row, 0);
    run->busy_share = sqlite3_column_double(row, 1);
}

static void take_whether(void *context, sqlite3_stmt *row)
{
    *(bool *)context = sqlite3_column_int(row, 0) > 0;
}

/* Its tables are there once the run has ended, in whichever way but this. */
static enum result check_ended(const struct recorded_run *run, const char *name,
                               struct error *error)
{
    bool ended = false;
    enum result result =
        query_each(run->db, "SELECT count(*) FROM sqlite_master WHERE name = 'meta'", NULL, 0,
                   take_whether, &ended, error);
    if (result != OK || ended)
        return result;
    return error_set(error, FAILED_INPUT,
                     "%s: nothing of the run is in it (expected the database of a run that has "
                     "ended: it goes on, or tailgate was killed meanwhile)",
                     name);
}

static const struct {
    const char *sql;
    query_row *visit;
} queries[] = {
    {"SELECT key, value FROM meta", take_meta},
    {"SELECT label, vals FROM variant ORDER BY variant", take_variant},
    {"SELECT sum(NOT complete OR epoch_ns = 0), max(busy_share) FROM round", take_rounds},
};

enum result recorded_run_open(struct recorded_run *run, const char *path, struct error *error)
{
    *run = (struct recorded_run){.folder = run_folder(path, "run.db")};
    if (!run->folder)
        return error_set(error, FAILED_INPUT,
                         "%s: there is no run in it (expected the folder of a run, or runs/NAME "
                         "for the newest of that name)",
                         path);
    struct buf name = {0};
    buf_printf(&name, "%s/run.db", run->folder);
    buf_append(&name, "", 1);
    enum result result = query_open(&run->db, buf_head(&name), error);
    if (result == OK)
        result = check_ended(run, buf_head(&name), error);
    for (size_t i = 0; i < ARRAY_LEN(queries) && result == OK; i++)
        result = query_each(run->db, queries[i].sql, NULL, 0, queries[i].visit, run, error);
    if (result == OK && run->variant_count == 0)
        result = error_set(error, FAILED_INPUT,
                           "%s: this is not the database of a run (expected one that tailgate run "
                           "has written)",
                           buf_head(&name));
    buf_free(&name);
    return result;
}

void recorded_run_close(struct recorded_run *run)
{
    query_close(&run->db);
    for (size_t i = 0; i < run->variant_count; i++) {
        free(run->variants[i].label);
        free(run->variants[i].values);
    }
    char *texts[] = {run->folder,  run->name,    run->started,    run->seed,
                     run->version, run->problem, run->experiment, run->path};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        free(texts[i]);
    free(run->variants);
    *run = (struct recorded_run){0};
}

int recorded_run_variant(const struct recorded_run *run, const char *label)
{
    for (size_t i = 0; i < run->variant_count; i++)
        if (strcmp(run->variants[i].label, label) == 0)
            return (int)i;
    return -1;
}
