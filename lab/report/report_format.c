/* SPDX-License-Identifier: MIT */
#include "lab/report/report_format.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "lab/result/json.h"
#include "lab/result/markdown.h"
#include "lab/result/summary.h"
#include "lab/result/table_blame.h"
#include "lab/result/table_matrix.h"
#include "lib/base/clock.h"
#include "lib/base/result.h"
#include "lib/base/units.h"

static bool holds(const cJSON *verdict)
{
    return cJSON_IsTrue(json_member(verdict, "holds"));
}

static int count_failed(const cJSON *verdicts)
{
    int failed = 0;
    const cJSON *verdict;
    cJSON_ArrayForEach(verdict, verdicts) failed += !holds(verdict);
    return failed;
}

/* ---- JUnit */

/* Text of XML 1.0; control characters, which it cannot hold, become spaces. */
static void print_xml(FILE *out, const char *from)
{
    for (; *from; from++) {
        unsigned char byte = (unsigned char)*from;
        const char *entity = byte == '&'   ? "&amp;"
                             : byte == '<' ? "&lt;"
                             : byte == '>' ? "&gt;"
                             : byte == '"' ? "&quot;"
                                           : NULL;
        if (entity)
            fputs(entity, out);
        else
            fputc(byte < ' ' ? ' ' : byte, out);
    }
}

static void print_attribute(FILE *out, const char *name, const char *value)
{
    fprintf(out, " %s=\"", name);
    print_xml(out, value);
    fputc('"', out);
}

static bool begins_with(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

static void print_case(FILE *out, const cJSON *summary, const cJSON *verdict)
{
    fputs("    <testcase", out);
    print_attribute(out, "classname", json_text(summary, "name"));
    fputs(" name=\"", out);
    if (!begins_with(json_text(verdict, "text"), json_text(verdict, "variant"))) {
        print_xml(out, json_text(verdict, "variant"));
        fputs(": ", out);
    }
    print_xml(out, json_text(verdict, "text"));
    if (holds(verdict)) {
        fputs("\"/>\n", out);
        return;
    }
    fprintf(out, "\">\n      <failure message=\"%s",
            summary_is_withheld(verdict) ? "" : "it was "); /* else why not */
    print_xml(out, json_text(verdict, "shown"));
    fputs("\"/>\n    </testcase>\n", out);
}

/* The first variant of which nothing was measured, or of whose clients most got no answer; NULL
 * when there is none. */
static const cJSON *find_unanswered(const cJSON *summary)
{
    const cJSON *variant;
    cJSON_ArrayForEach(variant, json_member(summary, "variants"))
    {
        if (!summary_is_measured(variant) ||
            json_number(variant, "client_failures") * 2 > json_number(variant, "requests"))
            return variant;
    }
    return NULL;
}

/* The run is a test itself where no verdict stands for it. */
static bool is_test_itself(const cJSON *summary)
{
    return !cJSON_IsTrue(json_member(summary, "complete")) ||
           cJSON_GetArraySize(json_member(summary, "expect")) == 0;
}

static void print_unanswered(FILE *out, const cJSON *variant)
{
    fputs(">\n      <failure message=\"", out);
    print_xml(out, json_text(variant, "label"));
    if (summary_is_measured(variant))
        fprintf(out, ": %.0f of %.0f requests got no whole answer",
                json_number(variant, "client_failures"), json_number(variant, "requests"));
    else
        fputs(": nothing was measured", out);
    fputs("\"/>\n    </testcase>\n", out);
}

/* What is expected of a run that was cut short was not looked at: that is an error, not a failure.
 */
static void print_run(FILE *out, const cJSON *summary, bool complete)
{
    const cJSON *unanswered = find_unanswered(summary);
    fputs("    <testcase", out);
    print_attribute(out, "classname", json_text(summary, "name"));
    fputs(" name=\"the run\"", out);
    if (!complete) {
        fputs(">\n      <error", out);
        print_attribute(out, "message", json_text(summary, "problem"));
        fputs("/>\n    </testcase>\n", out);
    } else if (unanswered) {
        print_unanswered(out, unanswered);
    } else {
        fputs("/>\n", out);
    }
}

static void print_counts(FILE *out, const cJSON *summary, bool complete)
{
    const cJSON *verdicts = json_member(summary, "expect");
    bool itself = is_test_itself(summary);
    int failed = count_failed(verdicts) + (itself && complete && find_unanswered(summary));
    print_attribute(out, "name", json_text(summary, "name"));
    fprintf(out, " tests=\"%d\" failures=\"%d\" errors=\"%d\"",
            cJSON_GetArraySize(verdicts) + itself, failed, !complete);
}

void report_print_junit(FILE *out, const cJSON *summary)
{
    bool complete = cJSON_IsTrue(json_member(summary, "complete"));
    const cJSON *item;
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites", out);
    print_counts(out, summary, complete);
    fputs(">\n  <testsuite", out);
    print_counts(out, summary, complete);
    print_attribute(out, "timestamp", json_text(summary, "started"));
    fputs(">\n", out);
    cJSON_ArrayForEach(item, json_member(summary, "expect")) print_case(out, summary, item);
    if (is_test_itself(summary))
        print_run(out, summary, complete);
    if (cJSON_GetArraySize(json_member(summary, "notes")) > 0) {
        fputs("    <system-err>", out);
        cJSON_ArrayForEach(item, json_member(summary, "notes"))
        {
            print_xml(out, cJSON_IsString(item) ? item->valuestring : "");
            fputc('\n', out);
        }
        fputs("</system-err>\n", out);
    }
    fputs("  </testsuite>\n</testsuites>\n", out);
}

/* ---- Markdown */

static void print_time(FILE *out, const cJSON *variant, const char *key)
{
    char shown[32];
    double ms = json_number(json_member(variant, "latency_ms"), key);
    fprintf(out, " %s%s |", summary_latency_is_bound(variant, key) ? ">= " : "",
            units_format_duration(shown, sizeof(shown), duration_ns((int64_t)llround(ms * 1e6))));
}

static void print_variant(FILE *out, const cJSON *variant)
{
    static const struct {
        const char *key;
        double quantile;
    } percentiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};
    fputs("| ", out);
    markdown_print(out, json_text(variant, "label"));
    fputs(" |", out);
    if (!summary_is_measured(variant)) {
        fputs(" not measured | | | | | | | | |\n", out);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(percentiles); i++)
        if (summary_has_quantile(json_number(variant, "requests"), percentiles[i].quantile))
            print_time(out, variant, percentiles[i].key);
        else
            fputs(" - |", out);
    fprintf(out, " %.0f/s | %.0f | %.2f%% | %.2f%% |", json_number(variant, "throughput_rps"),
            json_number(variant, "requests"), json_number(variant, "failure_rate") * 100,
            json_number(variant, "client_failure_rate") * 100);
    const cJSON *cause;
    const char *between = " ";
    cJSON_ArrayForEach(cause, json_member(variant, "causes"))
    {
        fprintf(out, "%s%s %.0f", between, cause->string, cause->valuedouble);
        between = ", ";
    }
    fputs(" |\n", out);
}

static void print_verdicts(FILE *out, const cJSON *summary)
{
    const cJSON *verdict, *verdicts = json_member(summary, "expect");
    int all = cJSON_GetArraySize(verdicts), failed = count_failed(verdicts);
    if (all == 0)
        return;
    fprintf(
        out,
        "\n%d of %d expectations hold.\n\n| | variant | expected | measured |\n|---|---|---|--:|\n",
        all - failed, all);
    cJSON_ArrayForEach(verdict, verdicts)
    {
        fputs(holds(verdict)                 ? "| holds | "
              : summary_is_withheld(verdict) ? "| **withheld** | "
                                             : "| **falls short** | ",
              out);
        markdown_print(out, json_text(verdict, "variant"));
        fputs(" | ", out);
        markdown_print(out, json_text(verdict, "text"));
        fputs(" | ", out);
        markdown_print(out, json_text(verdict, "shown"));
        fputs(" |\n", out);
    }
}

static void print_claim(FILE *out, const cJSON *claim)
{
    static const char *const cells[] = {"section", "text", "claimed", "shown", "range", "verdict"};
    fputc('|', out);
    for (size_t i = 0; i < sizeof(cells) / sizeof(*cells); i++) {
        fputc(' ', out);
        markdown_print(out, json_text(claim, cells[i]));
        fputs(i + 1 < sizeof(cells) / sizeof(*cells) ? " |" : "", out);
    }
    fputs(json_text(claim, "over"), out);
    if (json_text(claim, "reason")[0]) {
        fputs(": ", out);
        markdown_print(out, json_text(claim, "reason"));
    }
    fputs(" |\n", out);
}

static void print_claims(FILE *out, const cJSON *summary)
{
    const cJSON *claim, *claims = json_member(summary, "claims");
    if (cJSON_GetArraySize(claims) > 0)
        fputs("\n| § | claim | claimed | measured | in all rounds | holds? |\n"
              "|---|---|---|---|---|---|\n",
              out);
    cJSON_ArrayForEach(claim, claims) print_claim(out, claim);
}

static void print_line(FILE *out, const cJSON *row)
{
    const cJSON *cell;
    fputc('|', out);
    cJSON_ArrayForEach(cell, row)
    {
        fputc(' ', out);
        markdown_print(out, cJSON_IsString(cell) ? cell->valuestring : "");
        fputs(" |", out);
    }
    fputc('\n', out);
}

static void print_quoted(FILE *out, const cJSON *note)
{
    fputs("> ", out);
    markdown_print(out, json_text_of(note));
    fputc('\n', out);
}

static void print_finding(FILE *out, const cJSON *finding)
{
    const cJSON *item, *columns = json_member(json_member(finding, "table"), "columns");
    if (!cJSON_IsObject(finding))
        return;
    bool answered = cJSON_IsString(json_member(finding, "answer"));
    fputs("\n#### ", out);
    markdown_print(out, json_text(finding, "question"));
    fputs(answered ? "\n\n" : "\n\n**No answer:** ", out);
    markdown_print(out, json_text(finding, answered ? "answer" : "withheld"));
    fputs(answered ? "\n\n" : ".\n\n", out);
    print_line(out, columns);
    for (int i = 0; i < cJSON_GetArraySize(columns); i++)
        fputs(i == 0 ? "|---|" : "--:|", out);
    fputc('\n', out);
    cJSON_ArrayForEach(item, json_member(json_member(finding, "table"), "rows"))
        print_line(out, item);
    cJSON_ArrayForEach(item, json_member(finding, "notes"))
    {
        fputc('\n', out);
        print_quoted(out, item);
    }
}

void report_print_markdown(FILE *out, const cJSON *summary)
{
    const cJSON *item;
    fprintf(out, "### %s\n\n", json_text(summary, "name"));
    if (!cJSON_IsTrue(json_member(summary, "complete")))
        fprintf(out, "**The run was cut short:** %s\n\n", json_text(summary, "problem"));
    fprintf(out,
            "| %s | p50 | p90 | p99 | p99.9 | throughput | requests | failure rate | no answer "
            "| causes |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|---|\n",
            json_text(summary, "axis")[0] ? json_text(summary, "axis") : "variant");
    cJSON_ArrayForEach(item, json_member(summary, "variants")) print_variant(out, item);
    table_print_matrix_markdown(out, summary);
    table_print_blame_markdown(out, summary);
    print_verdicts(out, summary);
    print_claims(out, summary);
    print_finding(out, json_member(summary, "investigation"));
    if (cJSON_GetArraySize(json_member(summary, "notes")) > 0)
        fputc('\n', out);
    cJSON_ArrayForEach(item, json_member(summary, "notes")) print_quoted(out, item);
}
