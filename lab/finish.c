/* SPDX-License-Identifier: MIT */
#include "lab/finish.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "lab/read/query.h"
#include "lab/report/report_data.h"
#include "lab/report/report_page.h"
#include "lab/result/summary.h"
#include "lab/result/table.h"

static enum result write_page(const struct summary *summary, struct sqlite3 *db,
                              const struct run_dir *dir, struct error *error)
{
    cJSON *data = NULL;
    enum result result = report_data_read(&data, summary, db, error);
    if (result == OK) {
        char *path = run_dir_file(dir, "report.html");
        char *json = cJSON_PrintUnformatted(data);
        result = report_page_write(path, json, strlen(json), error);
        cJSON_free(json);
        free(path);
    }
    cJSON_Delete(data);
    return result;
}

static enum result write_summary(const cJSON *json, const struct run_dir *dir, struct error *error)
{
    char *path = run_dir_file(dir, "summary.json");
    char *text = cJSON_Print(json);
    size_t length = strlen(text);
    text[length] = '\n'; /* in place of the NUL: the file ends with a line end */
    enum result result = file_write(path, text, length + 1, error);
    cJSON_free(text);
    free(path);
    return result;
}

static enum result write_and_print(const struct summary *summary, struct sqlite3 *db,
                                   const struct run_dir *dir, struct error *error)
{
    cJSON *json = summary_json(summary);
    enum result result = write_summary(json, dir, error);
    if (result == OK)
        result = write_page(summary, db, dir, error);
    table_print(stdout, json, result == OK ? dir->path : NULL);
    fflush(stdout);
    cJSON_Delete(json);
    return result;
}

enum result finish_run(const struct plan *plan, const struct exchanges *exchanges,
                       const struct run_dir *dir, const char *problem, uint64_t records_dropped,
                       bool *holds, struct error *error)
{
    struct summary summary = {.plan = plan,
                              .exchanges = exchanges,
                              .started = dir->started,
                              .problem = problem,
                              .records_dropped = records_dropped};
    struct sqlite3 *db = NULL;
    char *path = run_dir_file(dir, "run.db");
    enum result result = query_open(&db, path, error);
    if (result == OK)
        result = summary_read(&summary, db, error);
    if (result == OK)
        result = write_and_print(&summary, db, dir, error);
    *holds = summary_holds(&summary);
    summary_free(&summary);
    query_close(&db);
    free(path);
    return result;
}
