/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "lab/lab.h"
#include "lab/read/recorded_run.h"
#include "lab/report/report_format.h"
#include "lab/result/table.h"
#include "lib/base/buf.h"

static void print_summary(const cJSON *summary, const char *json, const char *folder,
                          enum report_format format)
{
    switch (format) {
    case REPORT_JSON:
        fputs(json, stdout); /* as it was written */
        break;
    case REPORT_JUNIT:
        report_print_junit(stdout, summary);
        break;
    case REPORT_MARKDOWN:
        report_print_markdown(stdout, summary);
        break;
    case REPORT_TEXT:
    case REPORT_FORMAT_COUNT:
        table_print(stdout, summary, folder);
        break;
    }
}

static enum result print_run(const char *folder, enum report_format format, struct error *error)
{
    struct buf path = {0}, text = {0};
    buf_printf(&path, "%s/summary.json", folder);
    buf_append(&path, "", 1);
    enum result result = buf_read_file(&text, buf_head(&path), error);
    buf_append(&text, "", 1);
    if (result == OK) {
        cJSON *summary = cJSON_Parse(buf_head(&text));
        if (summary)
            print_summary(summary, buf_head(&text), folder, format);
        else
            result = error_set(error, FAILED_INPUT,
                               "%s: this is not the summary of a run (expected JSON as written by "
                               "tailgate run)",
                               buf_head(&path));
        cJSON_Delete(summary);
    }
    buf_free(&text);
    buf_free(&path);
    return result;
}

enum exit_status lab_report(const char *run, enum report_format format)
{
    struct error error;
    enum result result;
    char *folder = run_folder(run, "summary.json");
    if (folder)
        result = print_run(folder, format, &error);
    else
        result = error_set(&error, FAILED_INPUT,
                           "%s: there is no finished run in it (expected the folder of a run, or "
                           "runs/NAME for the newest of that name)",
                           run);
    free(folder);
    if (result != OK)
        fprintf(stderr, "%s\n", error.text);
    return result_exit_status(result);
}
