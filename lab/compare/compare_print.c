/* SPDX-License-Identifier: MIT */
#include <string.h>

#include <cjson/cJSON.h>

#include "lab/result/json.h"
#include "lab/result/markdown.h"

#include "lab/compare/compare_json.h"

#define MOST_SHOWN 60 /* bytes of a value that differs */

const char *compare_shorten(char *out, size_t size, const char *value)
{
    size_t length = strlen(value);
    if (length < size) {
        memcpy(out, value, length + 1);
        return out;
    }
    length = size - sizeof("...");
    while (length > 0 && ((unsigned char)value[length] & 0xc0) == 0x80) /* amid a character */
        length--;
    snprintf(out, size, "%.*s...", (int)length, value);
    return out;
}

/* Labels and folders may have any name. */
static void print_text(FILE *out, const char *text, bool markdown)
{
    if (markdown)
        markdown_print(out, text);
    else
        fputs(text, out);
}

static enum compare_unit unit_of(const cJSON *figure)
{
    const char *unit = json_text(figure, "unit");
    return strcmp(unit, "ms") == 0 ? COMPARE_MS : unit[0] == 's' ? COMPARE_SHARE : COMPARE_RATE;
}

/* "p99", "p99 /orders", "response_timeout". */
static void title_of(const cJSON *figure, char *out, size_t size)
{
    const char *cause = json_text(figure, "cause"), *route = json_text(figure, "route");
    if (cause[0])
        snprintf(out, size, "%s", cause);
    else
        snprintf(out, size, "%s%s%s", json_text(figure, "figure"), route[0] ? " " : "", route);
}

static void print_figure(FILE *out, const cJSON *figure, int width, bool markdown)
{
    char title[300], a[40], b[40];
    title_of(figure, title, sizeof(title));
    compare_value(a, sizeof(a), unit_of(figure), json_number(figure, "a"));
    compare_value(b, sizeof(b), unit_of(figure), json_number(figure, "b"));
    if (markdown) {
        fputs("| ", out);
        markdown_print(out, title);
        fprintf(out, " | %s | %s | ", a, b);
        markdown_print(out, json_text(figure, "text"));
        fputs(" |\n", out);
    } else {
        fprintf(out, "%-*s  %10s  %10s  %s\n", width, title, a, b, json_text(figure, "text"));
    }
}

static int widest_title(const cJSON *figures)
{
    int width = 12;
    const cJSON *figure;
    cJSON_ArrayForEach(figure, figures)
    {
        char title[300];
        title_of(figure, title, sizeof(title));
        width = (int)strlen(title) > width ? (int)strlen(title) : width;
    }
    return width;
}

static void print_figures(FILE *out, const cJSON *pair, bool markdown)
{
    const cJSON *figure, *figures = cJSON_GetObjectItemCaseSensitive(pair, "figures");
    int width = widest_title(figures);
    if (cJSON_GetArraySize(figures) == 0)
        return;
    if (markdown)
        fputs("| | A | B | |\n|---|--:|--:|---|\n", out);
    else
        fprintf(out, "%-*s  %10s  %10s\n", width, "", "A", "B");
    cJSON_ArrayForEach(figure, figures) print_figure(out, figure, width, markdown);
    fputc('\n', out);
}

static void print_differences(FILE *out, const cJSON *pair, bool markdown)
{
    const cJSON *entry, *list = cJSON_GetObjectItemCaseSensitive(pair, "differences");
    cJSON_ArrayForEach(entry, list)
    {
        char a[MOST_SHOWN + 1], b[MOST_SHOWN + 1];
        const char *where = json_text(entry, "where");
        fprintf(out, markdown ? "- `%s`: A `%s`, B `%s`\n" : "differs  %s: A %s, B %s\n",
                where[0] ? where : "(the file)",
                compare_shorten(a, sizeof(a), json_text(entry, "a")),
                compare_shorten(b, sizeof(b), json_text(entry, "b")));
    }
    if (cJSON_GetArraySize(list) > 0)
        fputc('\n', out);
}

static void print_head(FILE *out, const cJSON *run, const cJSON *pair, const char *side,
                       bool markdown)
{
    char key[32];
    snprintf(key, sizeof(key), "%s_rounds", side);
    double rounds = json_number(pair, key);
    snprintf(key, sizeof(key), "%s_requests", side);
    fprintf(out, markdown ? "- **%c** " : "%c  ", side[0] - 'a' + 'A');
    print_text(out, json_text(run, "run"), markdown);
    fputs(markdown ? ", " : "  (", out);
    print_text(out, json_text(pair, side), markdown);
    fprintf(out, "%s %.0f requests in %.0f round%s\n", markdown ? ":" : ") ",
            json_number(pair, key), rounds, rounds == 1 ? "" : "s");
}

static void print_pair(FILE *out, const cJSON *comparison, const cJSON *pair, bool markdown)
{
    print_head(out, cJSON_GetObjectItemCaseSensitive(comparison, "a"), pair, "a", markdown);
    print_head(out, cJSON_GetObjectItemCaseSensitive(comparison, "b"), pair, "b", markdown);
    fputc('\n', out);
    print_differences(out, pair, markdown);
    print_figures(out, pair, markdown);
    if (json_number(pair, "left_out") > 0)
        fprintf(out, "%.0f route%s or cause%s left out: there is too little of each.\n\n",
                json_number(pair, "left_out"), json_number(pair, "left_out") == 1 ? "" : "s",
                json_number(pair, "left_out") == 1 ? "" : "s");
    fputs(markdown ? "**" : "", out);
    print_text(out, json_text(pair, "text"), markdown);
    fputs(markdown ? "**\n" : "\n", out);
}

void compare_print(FILE *out, const cJSON *comparison, bool markdown)
{
    const cJSON *item;
    bool first = true;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(comparison, "comparisons"))
    {
        if (!first)
            fputs(markdown ? "\n" : "\n\n", out);
        print_pair(out, comparison, item, markdown);
        first = false;
    }
    if (json_number(comparison, "questions") > 0)
        fprintf(out,
                "\n(%.0f figures: all their intervals hold at once in 95 %% of comparisons.)\n",
                json_number(comparison, "questions"));
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(comparison, "notes"))
    {
        fputs(markdown ? "\nNote: " : "note: ", out);
        print_text(out, item->valuestring, markdown);
        fputc('\n', out);
    }
}
