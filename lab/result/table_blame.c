/* SPDX-License-Identifier: MIT */
#include "lab/result/table_blame.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "lab/result/json.h"
#include "lab/result/markdown.h"

#define MOST_ROWS 8

/* What another list has of the same class and name. */
static double count_of(const cJSON *list, const cJSON *wanted)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        if (strcmp(json_text(item, "class"), json_text(wanted, "class")) == 0 &&
            strcmp(json_text(item, "name"), json_text(wanted, "name")) == 0)
            return json_number(item, "count");
    }
    return 0;
}

/* One class of what is to blame in a variant: how many failures, and how many of the slowest. */
typedef void print_row(FILE *out, const cJSON *variant, const cJSON *item, double failed,
                       double slow);

static const cJSON *blamed(const cJSON *variant, const char *whom)
{
    return json_member(json_member(variant, "blame"), whom);
}

static bool has_rows(const cJSON *variant)
{
    return cJSON_GetArraySize(blamed(variant, "failed")) > 0 ||
           cJSON_GetArraySize(blamed(variant, "slow")) > 0;
}

/* Prints the first rows; says how many are left. */
static int print_rows(FILE *out, const cJSON *variant, print_row *print)
{
    const cJSON *failed = blamed(variant, "failed"), *slow = blamed(variant, "slow"), *item;
    int rows = 0;
    cJSON_ArrayForEach(item, failed)
    {
        if (rows++ < MOST_ROWS)
            print(out, variant, item, json_number(item, "count"), count_of(slow, item));
    }
    cJSON_ArrayForEach(item, slow)
    {
        if (count_of(failed, item) == 0 && rows++ < MOST_ROWS)
            print(out, variant, item, 0, json_number(item, "count"));
    }
    return rows > MOST_ROWS ? rows - MOST_ROWS : 0;
}

/* Without a failure nobody asks whom to blame. */
static bool has_blame(const cJSON *summary)
{
    const cJSON *variant;
    cJSON_ArrayForEach(variant, json_member(summary, "variants"))
    {
        if (cJSON_GetArraySize(blamed(variant, "failed")) > 0)
            return true;
    }
    return false;
}

/* ---- as a text */

static void print_text_row(FILE *out, const cJSON *variant, const cJSON *item, double failed,
                           double slow)
{
    char what[64];
    (void)variant;
    snprintf(what, sizeof(what), "%s %s", json_text(item, "class"), json_text(item, "name"));
    fprintf(out, "  %-32s %9.0f %12.0f\n", what, failed, slow);
}

static void print_variant(FILE *out, const cJSON *variant)
{
    const cJSON *failed = blamed(variant, "failed");
    if (!has_rows(variant))
        return;
    fprintf(out, "\n%-34s %9s %12s\n", json_text(variant, "label"), "failures", "slowest 1 %");
    int left = print_rows(out, variant, print_text_row);
    if (left > 0)
        fprintf(out, "  and %d more, in summary.json\n", left);
    if (failed && failed->child)
        fprintf(out, "      as in: %s\n", json_text(failed->child, "example"));
}

void table_print_blame(FILE *out, const cJSON *summary)
{
    const cJSON *variant, *note;
    if (!has_blame(summary))
        return;
    fputs("\nwhat is behind the failures", out);
    cJSON_ArrayForEach(variant, json_member(summary, "variants")) print_variant(out, variant);
    cJSON_ArrayForEach(variant, json_member(summary, "variants"))
        cJSON_ArrayForEach(note, blamed(variant, "notes"))
            fprintf(out, "  %s: %s\n", json_text(variant, "label"), note->valuestring);
}

/* ---- as Markdown */

static void print_markdown_row(FILE *out, const cJSON *variant, const cJSON *item, double failed,
                               double slow)
{
    fputs("| ", out);
    markdown_print(out, json_text(variant, "label"));
    fputs(" | ", out);
    markdown_print(out, json_text(item, "class"));
    fputc(' ', out);
    markdown_print(out, json_text(item, "name"));
    fprintf(out, " | %.0f | %.0f |\n", failed, slow);
}

/* What cannot stand in the table: an example, and how sure it is. */
static void print_remarks(FILE *out, const cJSON *variant)
{
    const cJSON *note, *failed = blamed(variant, "failed");
    if (failed && failed->child)
        fprintf(out, "\n> %s, as in: %s\n", json_text(variant, "label"),
                json_text(failed->child, "example"));
    cJSON_ArrayForEach(note, blamed(variant, "notes"))
        fprintf(out, "\n> %s: %s\n", json_text(variant, "label"), note->valuestring);
}

void table_print_blame_markdown(FILE *out, const cJSON *summary)
{
    const cJSON *variant;
    if (!has_blame(summary))
        return;
    fputs("\n| variant | what is behind the failures | failures | slowest 1 % |\n"
          "|---|---|--:|--:|\n",
          out);
    cJSON_ArrayForEach(variant, json_member(summary, "variants"))
    {
        int left = print_rows(out, variant, print_markdown_row);
        if (left > 0)
            fprintf(out, "| | and %d more, in summary.json | | |\n", left);
    }
    cJSON_ArrayForEach(variant, json_member(summary, "variants")) print_remarks(out, variant);
}
