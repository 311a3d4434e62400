/* SPDX-License-Identifier: MIT */
#include "lab/result/table_finding.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "lab/result/json.h"

#define MOST_ROWS    24 /* more stand in summary.json and on the page */
#define MOST_COLUMNS 12
#define INDENT       "  "

static void widen(size_t widths[MOST_COLUMNS], const cJSON *row)
{
    size_t column = 0;
    const cJSON *cell;
    cJSON_ArrayForEach(cell, row)
    {
        if (column < MOST_COLUMNS && strlen(json_text_of(cell)) > widths[column])
            widths[column] = strlen(json_text_of(cell));
        column++;
    }
}

/* The first column is a name; the others are figures. */
static void print_row(FILE *out, const size_t widths[MOST_COLUMNS], const cJSON *row)
{
    size_t column = 0;
    const cJSON *cell;
    fputs(INDENT, out);
    cJSON_ArrayForEach(cell, row)
    {
        int width = column < MOST_COLUMNS ? (int)widths[column] : 0;
        if (column == 0)
            fprintf(out, "%-*s", width, json_text_of(cell));
        else
            fprintf(out, "  %*s", width, json_text_of(cell));
        column++;
    }
    fputc('\n', out);
}

static void print_table(FILE *out, const cJSON *table)
{
    const cJSON *rows = json_member(table, "rows"), *row;
    size_t widths[MOST_COLUMNS] = {0};
    int count = cJSON_GetArraySize(rows);
    if (count > MOST_ROWS) {
        fprintf(out, INDENT "(the table has %d rows: see the page, or summary.json)\n", count);
        return;
    }
    widen(widths, json_member(table, "columns"));
    cJSON_ArrayForEach(row, rows) widen(widths, row);
    print_row(out, widths, json_member(table, "columns"));
    cJSON_ArrayForEach(row, rows) print_row(out, widths, row);
}

void table_print_finding(FILE *out, const cJSON *summary)
{
    const cJSON *finding = json_member(summary, "investigation"), *note;
    if (!cJSON_IsObject(finding))
        return;
    fprintf(out, "\n%s\n", json_text_of(json_member(finding, "question")));
    if (cJSON_IsString(json_member(finding, "answer")))
        fprintf(out, INDENT "%s\n", json_text_of(json_member(finding, "answer")));
    else
        fprintf(out, INDENT "No answer: %s.\n", json_text_of(json_member(finding, "withheld")));
    print_table(out, json_member(finding, "table"));
    cJSON_ArrayForEach(note, json_member(finding, "notes"))
        fprintf(out, INDENT "note: %s\n", json_text_of(note));
}
