/* SPDX-License-Identifier: MIT */
#include "lab/result/table_blame.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "lab/result/json.h"
#include "lab/result/markdown.h"
#include "lib/base/result.h"

#define MOST_ROWS 8

static const struct {
    const char *part, *title;
} parts[] = {{"failed", "failures"}, {"client", "clients alone"}, {"slow", "slowest 1 %"}};
#define PARTS ARRAY_LEN(parts)

/* What a list has of this class and name. */
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

static const cJSON *blamed(const cJSON *variant, const char *whom)
{
    return json_member(json_member(variant, "blame"), whom);
}

/* Whether clients alone saw failures: else nobody asks for that column. */
static bool has_part(const cJSON *summary, const char *part)
{
    const cJSON *variant;
    cJSON_ArrayForEach(variant, json_member(summary, "variants"))
    {
        if (cJSON_GetArraySize(blamed(variant, part)) > 0)
            return true;
    }
    return false;
}

/* Which columns a table has. */
struct columns {
    bool shown[PARTS];
};

static struct columns columns_of(const cJSON *summary)
{
    return (struct columns){{true, has_part(summary, "client"), true}};
}

/* Without a failure nobody asks whom to blame. */
static bool has_blame(const cJSON *summary)
{
    return has_part(summary, "failed") || has_part(summary, "client");
}

/* One class of what is to blame in a variant, with its count in each part. */
typedef void print_row(FILE *out, const struct columns *columns, const cJSON *variant,
                       const cJSON *item, const double *counts);

/* Whether it has stood in the list of another part before. */
static bool is_printed(const double *counts, size_t part)
{
    for (size_t i = 0; i < part; i++)
        if (counts[i] > 0)
            return true;
    return false;
}

/* Prints the first rows; says how many are left. */
static int print_rows(FILE *out, const struct columns *columns, const cJSON *variant,
                      print_row *print)
{
    int rows = 0;
    for (size_t part = 0; part < PARTS; part++) {
        const cJSON *item;
        cJSON_ArrayForEach(item, blamed(variant, parts[part].part))
        {
            double counts[PARTS];
            for (size_t i = 0; i < PARTS; i++)
                counts[i] = count_of(blamed(variant, parts[i].part), item);
            if (!is_printed(counts, part) && rows++ < MOST_ROWS)
                print(out, columns, variant, item, counts);
        }
    }
    return rows > MOST_ROWS ? rows - MOST_ROWS : 0;
}

/* Of what is most frequent among failures, or else among what clients saw. */
static const cJSON *commonest(const cJSON *variant)
{
    const cJSON *failed = blamed(variant, "failed"), *lost = blamed(variant, "client");
    return failed && failed->child ? failed->child : lost ? lost->child : NULL;
}

#define COUNTERFACTUAL 160

/* Of how many it is known whether they would have been in time without what they are blamed on;
 * false when of none. */
static bool counterfactual(char out[COUNTERFACTUAL], const cJSON *item)
{
    double would = json_number(item, "would_succeed"), not = json_number(item, "would_fail");
    snprintf(out, COUNTERFACTUAL,
             "without it %.0f would have been in time, %.0f not; of %.0f it is not known", would,
             not, json_number(item, "count") - would - not );
    return would + not > 0;
}

/* ---- as a text */

static void print_text_row(FILE *out, const struct columns *columns, const cJSON *variant,
                           const cJSON *item, const double *counts)
{
    char what[64], text[COUNTERFACTUAL];
    snprintf(what, sizeof(what), "%s %s", json_text(item, "class"), json_text(item, "name"));
    fprintf(out, "  %-32s", what);
    for (size_t i = 0; i < PARTS; i++)
        if (columns->shown[i])
            fprintf(out, " %13.0f", counts[i]);
    fputc('\n', out);
    if (item == commonest(variant) && json_text(item, "example")[0])
        fprintf(out, "      as in: %s\n", json_text(item, "example"));
    if (counterfactual(text, item))
        fprintf(out, "      %s\n", text);
}

static void print_variant(FILE *out, const struct columns *columns, const cJSON *variant)
{
    int rows = 0;
    for (size_t i = 0; i < PARTS; i++)
        rows += cJSON_GetArraySize(blamed(variant, parts[i].part));
    if (rows == 0)
        return;
    fprintf(out, "\n%-34s", json_text(variant, "label"));
    for (size_t i = 0; i < PARTS; i++)
        if (columns->shown[i])
            fprintf(out, " %13s", parts[i].title);
    fputc('\n', out);
    int left = print_rows(out, columns, variant, print_text_row);
    if (left > 0)
        fprintf(out, "  and %d more, in summary.json\n", left);
}

void table_print_blame(FILE *out, const cJSON *summary)
{
    const cJSON *variant, *note;
    if (!has_blame(summary))
        return;
    fputs("\nwhat is behind the failures", out);
    struct columns columns = columns_of(summary);
    cJSON_ArrayForEach(variant, json_member(summary, "variants"))
        print_variant(out, &columns, variant);
    cJSON_ArrayForEach(variant, json_member(summary, "variants"))
        cJSON_ArrayForEach(note, blamed(variant, "notes"))
            fprintf(out, "  %s: %s\n", json_text(variant, "label"), note->valuestring);
}

/* ---- as Markdown */

static void print_markdown_row(FILE *out, const struct columns *columns, const cJSON *variant,
                               const cJSON *item, const double *counts)
{
    fputs("| ", out);
    markdown_print(out, json_text(variant, "label"));
    fputs(" | ", out);
    markdown_print(out, json_text(item, "class"));
    fputc(' ', out);
    markdown_print(out, json_text(item, "name"));
    for (size_t i = 0; i < PARTS; i++)
        if (columns->shown[i])
            fprintf(out, " | %.0f", counts[i]);
    fputs(" |\n", out);
}

static void print_rest(FILE *out, const struct columns *columns, int left)
{
    fprintf(out, "| | and %d more, in summary.json", left);
    for (size_t i = 0; i < PARTS; i++)
        if (columns->shown[i])
            fputs(" |", out);
    fputs(" |\n", out);
}

static void print_remark(FILE *out, const char *label, const char *between, const char *text)
{
    fputs("\n> ", out);
    markdown_print(out, label);
    fputs(between, out);
    markdown_print(out, text);
    fputc('\n', out);
}

/* What cannot stand in the table: an example, and how sure it is. */
static void print_remarks(FILE *out, const cJSON *variant)
{
    char text[COUNTERFACTUAL];
    const cJSON *note, *item = commonest(variant);
    const char *label = json_text(variant, "label");
    if (item && json_text(item, "example")[0])
        print_remark(out, label, ", as in: ", json_text(item, "example"));
    if (item && counterfactual(text, item))
        print_remark(out, label, ", the first row: ", text);
    cJSON_ArrayForEach(note, blamed(variant, "notes"))
        print_remark(out, label, ": ", json_text_of(note));
}

void table_print_blame_markdown(FILE *out, const cJSON *summary)
{
    const cJSON *variant;
    if (!has_blame(summary))
        return;
    struct columns columns = columns_of(summary);
    fputs("\n| variant | what is behind the failures", out);
    for (size_t i = 0; i < PARTS; i++)
        if (columns.shown[i])
            fprintf(out, " | %s", parts[i].title);
    fputs(" |\n|---|---", out);
    for (size_t i = 0; i < PARTS; i++)
        if (columns.shown[i])
            fputs("|--:", out);
    fputs("|\n", out);
    cJSON_ArrayForEach(variant, json_member(summary, "variants"))
    {
        int left = print_rows(out, &columns, variant, print_markdown_row);
        if (left > 0)
            print_rest(out, &columns, left);
    }
    cJSON_ArrayForEach(variant, json_member(summary, "variants")) print_remarks(out, variant);
}
