/* SPDX-License-Identifier: MIT */
#include "lab/result/table_matrix.h"

#include <stdbool.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "lab/result/json.h"
#include "lab/result/markdown.h"
#include "lib/base/result.h"

enum {
    COLUMN_GATEWAY,
    COLUMN_SEEN,
    COLUMN_COUNT,
    COLUMN_CAUSE,
    COLUMN_SAYS,
    COLUMN_TRIED,
    COLUMN_UNLOGGED,
    COLUMNS
};

#define CELL 128

static const struct column {
    const char *title;
    bool number;
    int widest;
} columns[COLUMNS] = {
    [COLUMN_GATEWAY] = {"gateway", false, 24},       [COLUMN_SEEN] = {"clients saw", false, 20},
    [COLUMN_COUNT] = {"requests", true, 10},         [COLUMN_CAUSE] = {"cause", false, 64},
    [COLUMN_SAYS] = {"in its own words", false, 80}, [COLUMN_TRIED] = {"tried again", true, 12},
    [COLUMN_UNLOGGED] = {"no log line", true, 12},
};

/* A row, or what is written over the rows of one case (`title`). */
struct row {
    const char *title;
    char cells[COLUMNS][CELL];
};

typedef void take_row(void *context, const struct row *row);

static void put(struct row *row, int column, const char *value)
{
    char *cell = row->cells[column];
    int widest = columns[column].widest;
    if ((int)strlen(value) <= widest)
        snprintf(cell, CELL, "%s", value);
    else
        snprintf(cell, CELL, "%.*s...", widest - 3, value);
}

static void put_count(struct row *row, int column, double count)
{
    snprintf(row->cells[column], CELL, "%.0f", count);
}

/* ---- the rows of a variant */

static void pass_failure(const cJSON *gateway, const cJSON *failure, take_row *take, void *context)
{
    struct row row = {.title = NULL};
    double unlogged = json_number(failure, "unlogged"), count = json_number(failure, "count");
    put(&row, COLUMN_GATEWAY, json_text(gateway, "name"));
    put(&row, COLUMN_SEEN, json_text(failure, "seen"));
    put_count(&row, COLUMN_COUNT, count);
    put(&row, COLUMN_CAUSE, json_text(failure, "cause"));
    put(&row, COLUMN_SAYS, unlogged == count ? "(nothing)" : json_text(failure, "says"));
    put_count(&row, COLUMN_TRIED, json_number(failure, "tried_again"));
    put_count(&row, COLUMN_UNLOGGED, unlogged);
    take(context, &row);
}

/* Requests that a further try has saved, or that there was nothing to save, or no request. */
static void pass_rest(const cJSON *gateway, bool measured, take_row *take, void *context)
{
    struct row row = {.title = NULL};
    double saved = json_number(gateway, "answered_after_retry");
    bool failed = cJSON_GetArraySize(json_member(gateway, "failures")) > 0;
    if (failed && saved == 0)
        return;
    put(&row, COLUMN_GATEWAY, json_text(gateway, "name"));
    put(&row, COLUMN_SEEN, saved > 0 ? "answers" : measured ? "only answers" : "not measured");
    if (saved > 0) {
        put_count(&row, COLUMN_COUNT, saved);
        put_count(&row, COLUMN_TRIED, saved);
    }
    take(context, &row);
}

static void pass_variant(const cJSON *variant, take_row *take, void *context)
{
    const cJSON *gateway = json_member(variant, "gateway"), *failure;
    bool measured = json_number(variant, "requests") > 0;
    cJSON_ArrayForEach(failure, json_member(gateway, "failures"))
        pass_failure(gateway, failure, take, context);
    pass_rest(gateway, measured, take, context);
}

/* All rows in turn, with a title before those of each case. */
static void pass_rows(const cJSON *summary, take_row *take, void *context)
{
    const cJSON *variant;
    const char *last = NULL;
    cJSON_ArrayForEach(variant, json_member(summary, "variants"))
    {
        const cJSON *gateway = json_member(variant, "gateway");
        if (!gateway)
            continue;
        struct row title = {.title = json_text(gateway, "case")};
        if (title.title[0] && (!last || strcmp(last, title.title) != 0))
            take(context, &title);
        last = title.title;
        pass_variant(variant, take, context);
    }
}

/* ---- as a text */

struct layout {
    FILE *out;
    int widths[COLUMNS];
    bool any;
};

static void measure(void *context, const struct row *row)
{
    struct layout *layout = context;
    layout->any = true;
    for (int i = 0; i < COLUMNS && !row->title; i++) {
        int width = (int)strlen(row->cells[i]);
        width = width > columns[i].widest ? columns[i].widest : width;
        layout->widths[i] = width > layout->widths[i] ? width : layout->widths[i];
    }
}

static void print_row(void *context, const struct row *row)
{
    const struct layout *layout = context;
    if (row->title) {
        fprintf(layout->out, "%s\n", row->title);
        return;
    }
    int last = COLUMNS - 1;
    while (last > 0 && !row->cells[last][0])
        last--;
    for (int i = 0; i <= last; i++)
        fprintf(layout->out, "  %*.*s",
                columns[i].number ? layout->widths[i]
                : i == last       ? 0
                                  : -layout->widths[i],
                columns[i].widest, row->cells[i]);
    fputc('\n', layout->out);
}

/* What was not understood of the logs, so that nobody takes it for silence. */
static void print_logs(FILE *out, const cJSON *summary)
{
    const cJSON *variant;
    cJSON_ArrayForEach(variant, json_member(summary, "variants"))
    {
        const cJSON *log = json_member(json_member(variant, "gateway"), "log");
        double odd = json_number(log, "not_understood"), untraced = json_number(log, "untraced");
        if (odd > 0)
            fprintf(out, "%s: %.0f of %.0f log lines about requests are not understood, as: %s\n",
                    json_text(variant, "label"), odd, odd + json_number(log, "requests"),
                    json_text(log, "example"));
        if (untraced > 0)
            fprintf(out, "%s: %.0f log lines are about requests without a traceparent\n",
                    json_text(variant, "label"), untraced);
    }
}

void table_print_matrix(FILE *out, const cJSON *summary)
{
    struct layout layout = {.out = out};
    struct row titles = {.title = NULL};
    for (int i = 0; i < COLUMNS; i++)
        put(&titles, i, columns[i].title);
    pass_rows(summary, measure, &layout);
    if (!layout.any)
        return;
    measure(&layout, &titles);
    fputs("\nwhat each gateway made of it\n", out);
    print_row(&layout, &titles);
    pass_rows(summary, print_row, &layout);
    print_logs(out, summary);
}

/* ---- as Markdown */

struct markdown {
    FILE *out;
    const char *title;
    bool any;
};

static void print_cell(FILE *out, const char *from)
{
    fputs(" ", out);
    markdown_print(out, from);
    fputs(" |", out);
}

static void print_titles(FILE *out)
{
    fputs("\n| fault |", out);
    for (int i = 0; i < COLUMNS; i++)
        print_cell(out, columns[i].title);
    fputs("\n|---|", out);
    for (int i = 0; i < COLUMNS; i++)
        fputs(columns[i].number ? "--:|" : "---|", out);
    fputc('\n', out);
}

static void print_markdown_row(void *context, const struct row *row)
{
    struct markdown *markdown = context;
    if (!markdown->any)
        print_titles(markdown->out);
    markdown->any = true;
    if (row->title) {
        markdown->title = row->title;
        return;
    }
    fputs("|", markdown->out);
    print_cell(markdown->out, markdown->title);
    for (int i = 0; i < COLUMNS; i++)
        print_cell(markdown->out, row->cells[i]);
    fputc('\n', markdown->out);
    markdown->title = "";
}

void table_print_matrix_markdown(FILE *out, const cJSON *summary)
{
    struct markdown markdown = {.out = out, .title = ""};
    pass_rows(summary, print_markdown_row, &markdown);
}
