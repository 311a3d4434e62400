/* SPDX-License-Identifier: MIT */
#include "lab/result/table.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "lab/result/json.h"
#include "lab/result/summary.h"
#include "lab/result/table_blame.h"
#include "lab/result/table_claims.h"
#include "lab/result/table_counts.h"
#include "lab/result/table_finding.h"
#include "lab/result/table_matrix.h"
#include "lib/base/clock.h"
#include "lib/base/result.h"
#include "lib/base/units.h"

/* ---- the table */

enum cell_kind { CELL_LABEL, CELL_MS, CELL_RATE, CELL_NUMBER, CELL_COUNT, CELL_SHARE };

/* A column: what stands over it, and where its figure is in a variant. */
static const struct column {
    const char *title;
    enum cell_kind kind;
    const char *group; /* of summary.json, or NULL */
    const char *key;
    double quantile; /* that it is, or 0 */
} columns[] = {
    {"strategy", CELL_LABEL, NULL, "label", 0},
    {"mean", CELL_MS, "latency_ms", "mean", 0},
    {"p50", CELL_MS, "latency_ms", "p50", 0},
    {"p99", CELL_MS, "latency_ms", "p99", 0.99},
    {"p99.9", CELL_MS, "latency_ms", "p999", 0.999},
    {"throughput", CELL_RATE, NULL, "throughput_rps", 0},
    {"collections/s", CELL_NUMBER, NULL, "collections_per_s", 0},
    {"502", CELL_COUNT, "statuses", "502", 0},
    {"503", CELL_COUNT, "statuses", "503", 0},
    {"504", CELL_COUNT, "statuses", "504", 0},
    {"failure rate", CELL_SHARE, NULL, "failure_rate", 0},
    {"no answer", CELL_SHARE, NULL, "client_failure_rate", 0},
};

#define CELL_TEXT 64

/* The cell's text: written to `out`, or a label, which may have any length. */
static const char *cell_text(char out[CELL_TEXT], const struct column *column, const cJSON *variant)
{
    const cJSON *item =
        json_member(column->group ? json_member(variant, column->group) : variant, column->key);
    double value = json_number_of(item);
    char time[CELL_TEXT - 2];
    if (!summary_has_quantile(json_number(variant, "requests"), column->quantile))
        return "-";
    switch (column->kind) {
    case CELL_LABEL:
        return json_text(variant, column->key);
    case CELL_MS:
        units_format_duration(time, sizeof(time), duration_ns((int64_t)(value * 1e6)));
        snprintf(out, CELL_TEXT, "%s%s", summary_latency_is_bound(variant, column->key) ? ">=" : "",
                 time);
        break;
    case CELL_RATE:
        snprintf(out, CELL_TEXT, "%.0f/s", value);
        break;
    case CELL_NUMBER:
        snprintf(out, CELL_TEXT, "%.1f", value);
        break;
    case CELL_COUNT:
        snprintf(out, CELL_TEXT, "%.0f", value);
        break;
    case CELL_SHARE:
        snprintf(out, CELL_TEXT, value > 0 && value < 0.0001 ? "%.4f%%" : "%.2f%%", value * 100);
        break;
    }
    return out;
}

/* In characters: each byte of UTF-8 but the continuing ones begins one. */
static int width_of(const char *cell)
{
    int width = 0;
    for (; *cell; cell++)
        width += ((unsigned char)*cell & 0xc0) != 0x80;
    return width;
}

static void print_cell(FILE *out, const struct column *column, int width, const char *cell)
{
    int padding = width - width_of(cell);
    if (column->kind == CELL_LABEL)
        fprintf(out, "%s%*s", cell, padding, "");
    else
        fprintf(out, "  %*s%s", padding, "", cell);
}

static void print_rows(FILE *out, const cJSON *summary)
{
    int widths[ARRAY_LEN(columns)];
    const char *titles[ARRAY_LEN(columns)];
    char cell[CELL_TEXT];
    const cJSON *variants = json_member(summary, "variants"), *variant;
    const char *axis = json_text(summary, "axis");
    for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
        titles[i] = columns[i].kind == CELL_LABEL && axis[0] ? axis : columns[i].title;
        widths[i] = width_of(titles[i]);
        cJSON_ArrayForEach(variant, variants)
        {
            if (columns[i].kind != CELL_LABEL && !summary_is_measured(variant))
                continue;
            int width = width_of(cell_text(cell, &columns[i], variant));
            widths[i] = width > widths[i] ? width : widths[i];
        }
        print_cell(out, &columns[i], widths[i], titles[i]);
    }
    fputc('\n', out);
    cJSON_ArrayForEach(variant, variants)
    {
        size_t shown = summary_is_measured(variant) ? ARRAY_LEN(columns) : 1; /* the label */
        for (size_t i = 0; i < shown; i++)
            print_cell(out, &columns[i], widths[i], cell_text(cell, &columns[i], variant));
        fputs(shown == 1 ? "  not measured\n" : "\n", out);
    }
}

/* ---- what stands below it */

/* Names come from the variants themselves: whatever errors there were. */
static void print_client_errors(FILE *out, const cJSON *summary)
{
    const cJSON *variant, *count;
    cJSON_ArrayForEach(variant, json_member(summary, "variants"))
        cJSON_ArrayForEach(count, json_member(variant, "client_errors"))
            fprintf(out, "\nclient-side errors in %s: %s %.0f", json_text(variant, "label"),
                    count->string, json_number_of(count));
    cJSON_ArrayForEach(variant, json_member(summary, "variants"))
    {
        if (!json_member(variant, "client_errors")->child)
            continue;
        fputc('\n', out);
        return;
    }
}

static void print_expectations(FILE *out, const cJSON *summary)
{
    const cJSON *verdict, *list = json_member(summary, "expect");
    if (cJSON_GetArraySize(list) > 0)
        fputs("\nexpectations\n", out);
    cJSON_ArrayForEach(verdict, list)
    {
        bool holds = cJSON_IsTrue(json_member(verdict, "holds"));
        const char *label = json_text(verdict, "variant"),
                   *expectation = json_text(verdict, "text");
        bool named =
            strncmp(expectation, label, strlen(label)) == 0 && expectation[strlen(label)] == ':';
        fprintf(out, "  %-11s  %s%s%s  (%s)\n",
                holds                          ? "holds"
                : summary_is_withheld(verdict) ? "withheld"
                                               : "falls short",
                named ? "" : label, named ? "" : ": ", expectation, json_text(verdict, "shown"));
    }
}

static void print_notes(FILE *out, const cJSON *summary)
{
    const cJSON *note, *notes = json_member(summary, "notes");
    if (cJSON_GetArraySize(notes) > 0)
        fputc('\n', out);
    cJSON_ArrayForEach(note, notes)
        fprintf(out, "warning: %s\n", cJSON_IsString(note) ? note->valuestring : "");
    if (!cJSON_IsTrue(json_member(summary, "complete")))
        fprintf(out, "\nThe run was cut short (%s): these are the figures until then.\n",
                json_text(summary, "problem"));
}

void table_print(FILE *out, const cJSON *summary, const char *folder)
{
    print_rows(out, summary);
    table_print_faults(out, summary);
    table_print_matrix(out, summary);
    table_print_causes(out, summary);
    table_print_blame(out, summary);
    table_print_finding(out, summary);
    print_client_errors(out, summary);
    print_expectations(out, summary);
    table_print_claims(out, summary);
    print_notes(out, summary);
    if (folder)
        fprintf(out, "\nreport   %s/report.html\nsummary  %s/summary.json\n", folder, folder);
}
