/* SPDX-License-Identifier: MIT */
#include "lab/compare/compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cjson/cJSON.h>

#include "lab/compare/compare_json.h"
#include "lab/compare/experiment_diff.h"
#include "lab/read/outcomes_read.h"
#include "lab/result/json.h"
#include "lib/base/buf.h"
#include "lib/base/memory.h"
#include "lib/base/units.h"
#include "lib/conf/conf.h"

/* Of what makes the arrivals different. */
#define MOST_KEYS     3
#define MOST_OF_VALUE 40 /* bytes, with the last zero */

#define STARVED 0.9 /* of all cores: what is measured then is the machine */

/* How late the load generator may be, at its p99. */
#define LATE_IN_TURNS_NS (100 * NS_PER_MS)
#define LATE_APART_NS    (20 * NS_PER_MS)

struct comparing {
    const struct compare_options *options;
    struct recorded_run first, second;
    const struct recorded_run *a, *b; /* the same one, when variants of a run are compared */
    bool one_run;                     /* also when it was named twice */
    struct compared *items;
    size_t count;
};

/* ---- which variants */

static enum result unknown_label(const struct recorded_run *run, const char *label,
                                 struct error *error)
{
    const char **labels = mem_alloc(run->variant_count, sizeof(*labels));
    for (size_t i = 0; i < run->variant_count; i++)
        labels[i] = run->variants[i].label;
    const char *nearest = conf_nearest(label, labels, run->variant_count);
    enum result result = error_set(error, FAILED_INPUT,
                                   "%s: no variant has the label \"%s\" (nearest known one: "
                                   "\"%s\")",
                                   run->folder, label, nearest ? nearest : labels[0]);
    free(labels);
    return result;
}

static enum result check_label(const struct recorded_run *run, const char *label,
                               struct error *error)
{
    if (label && recorded_run_variant(run, label) < 0)
        return unknown_label(run, label, error);
    return OK;
}

static void add_pair(struct comparing *comparing, const char *a_label, const char *b_label)
{
    comparing->items = mem_grow(comparing->items, comparing->count + 1, sizeof(*comparing->items));
    comparing->items[comparing->count++] = (struct compared){
        .a_label = a_label, .b_label = b_label, .differences = cJSON_CreateArray()};
}

/* Of two runs: the variants that both have. A run with one variant is compared with any. */
static void pair_labels(struct comparing *comparing)
{
    const struct recorded_run *a = comparing->a, *b = comparing->b;
    const struct compare_options *options = comparing->options;
    if (options->a_label || options->b_label || (a->variant_count == 1 && b->variant_count == 1)) {
        const char *a_label = options->a_label        ? options->a_label
                              : a->variant_count == 1 ? a->variants[0].label
                                                      : options->b_label;
        const char *b_label = options->b_label        ? options->b_label
                              : b->variant_count == 1 ? b->variants[0].label
                                                      : a_label;
        add_pair(comparing, a_label, b_label);
        return;
    }
    for (size_t i = 0; i < a->variant_count; i++)
        if (recorded_run_variant(b, a->variants[i].label) >= 0)
            add_pair(comparing, a->variants[i].label, a->variants[i].label);
}

/* Of one run: the two that are named, or the two that there are. */
static enum result pair_variants(struct comparing *comparing, struct error *error)
{
    const struct recorded_run *run = comparing->a;
    const struct compare_options *options = comparing->options;
    if (options->a_label && options->b_label) {
        add_pair(comparing, options->a_label, options->b_label);
        return OK;
    }
    if (run->variant_count == 2 && !options->a_label && !options->b_label) {
        add_pair(comparing, run->variants[0].label, run->variants[1].label);
        return OK;
    }
    struct buf labels = {0};
    for (size_t i = 0; i < run->variant_count; i++)
        buf_printf(&labels, "%s\"%s\"", i ? ", " : "", run->variants[i].label);
    buf_append(&labels, "", 1);
    enum result result = error_set(error, FAILED_INPUT,
                                   "%s: which of its variants? (expected a second run, or "
                                   "--a LABEL and --b LABEL; there is %s)",
                                   run->folder, buf_head(&labels));
    buf_free(&labels);
    return result;
}

static enum result choose_pairs(struct comparing *comparing, struct error *error)
{
    enum result result = check_label(comparing->a, comparing->options->a_label, error);
    if (result == OK)
        result = check_label(comparing->b, comparing->options->b_label, error);
    if (result != OK)
        return result;
    if (!comparing->options->b)
        return pair_variants(comparing, error);
    pair_labels(comparing);
    for (size_t i = 0; i < comparing->count && result == OK; i++) {
        result = check_label(comparing->a, comparing->items[i].a_label, error);
        if (result == OK)
            result = check_label(comparing->b, comparing->items[i].b_label, error);
    }
    if (result == OK && comparing->count == 0)
        result = error_set(error, FAILED_INPUT,
                           "%s and %s have no variant of the same label (expected --a LABEL and "
                           "--b LABEL)",
                           comparing->a->folder, comparing->b->folder);
    return result;
}

/* ---- what forbids a comparison */

static void withhold(struct compared *pair, const char *format, ...) PRINTF_LIKE(2, 3);
static void withhold(struct compared *pair, const char *format, ...)
{
    if (pair->withheld[0])
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(pair->withheld, sizeof(pair->withheld), format, args);
    va_end(args);
}

static void check_run(struct compared *pair, const struct recorded_run *run, char side)
{
    if (run->problem || run->cut_rounds > 0)
        withhold(pair, "%c was cut short (%s)", side,
                 run->problem ? run->problem : "a round did not run to its end");
    if (run->dropped > 0)
        withhold(pair,
                 "%llu records of %c could not be written, and nobody knows of which requests",
                 (unsigned long long)run->dropped, side);
}

/* With less of them, what is left may still be what differs. */
static void check_records(struct compared *pair, const struct lost_records *lost, char side)
{
    char said[128];
    if (lost_records_share(lost) > LOST_RECORDS_MOST)
        withhold(
            pair,
            "the records of %c are not whole: %s are missing from its run.db, and nobody knows "
            "which (a copy of the whole run, or a new one)",
            side, lost_records_say(lost, said, sizeof(said)));
}

static bool is_arrival(const char *where)
{
    return strncmp(where, "/load", 5) == 0 || strcmp(where, "/seed") == 0;
}

/* "/load/rate: "100/s" and "200/s"": which keys make the arrivals other ones. */
static void say_different_arrivals(struct compared *pair)
{
    struct buf text = {0};
    const cJSON *entry;
    int keys = 0;
    cJSON_ArrayForEach(entry, pair->differences)
    {
        char a[MOST_OF_VALUE], b[MOST_OF_VALUE];
        const char *where = json_text(entry, "where");
        if (!is_arrival(where) || keys++ >= MOST_KEYS)
            continue;
        buf_printf(&text, "%s%s: %s and %s", keys > 1 ? "; " : "", where,
                   compare_shorten(a, sizeof(a), json_text(entry, "a")),
                   compare_shorten(b, sizeof(b), json_text(entry, "b")));
    }
    if (keys > MOST_KEYS)
        buf_printf(&text, "; and %d more", keys - MOST_KEYS);
    buf_append(&text, "", 1);
    withhold(pair, "the two had different arrivals (%s); --unpaired compares them nonetheless",
             keys > 0 ? buf_head(&text) : "the files say nothing of why");
    buf_free(&text);
}

static bool has_other_rates(const struct compared *pair)
{
    const cJSON *entry;
    cJSON_ArrayForEach(entry,
                       pair->differences) if (strcmp(json_text(entry, "where"), "/load/rate") ==
                                              0) return !pair->paired;
    return false;
}

/* Variants that run in turns share the machine's moods; two runs do not. */
static void check_lateness(const struct comparing *comparing, struct compared *pair,
                           const struct outcomes *outcomes, char side)
{
    duration lag = duration_ns(outcomes_lag(outcomes, 0.99));
    char shown[32];
    if (lag.ns > (comparing->one_run ? LATE_IN_TURNS_NS : LATE_APART_NS))
        withhold(pair,
                 "the load generator of %c was itself late, by %s at its p99, so that the machine "
                 "had a part in what was measured (a lower rate, or a machine with less to do)",
                 side, units_format_duration(shown, sizeof(shown), lag));
}

static void check_arrivals(const struct comparing *comparing, struct compared *pair,
                           struct outcomes *a, struct outcomes *b)
{
    if (a->count == 0 || b->count == 0)
        withhold(pair, "nothing was measured of %s", a->count ? "B" : "A");
    else if (a->round_count != b->round_count) {
        outcomes_keep_rounds(a, b);
        outcomes_keep_rounds(b, a);
    }
    check_lateness(comparing, pair, a, 'A');
    check_lateness(comparing, pair, b, 'B');
    pair->paired = outcomes_same_arrivals(a, b);
    if (!pair->paired && !comparing->options->unpaired)
        say_different_arrivals(pair);
}

/* ---- the work */

static bool is_one_folder(const char *a, const char *b)
{
    struct stat one, other;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

static enum result read_side(struct outcomes *outcomes, struct lost_records *lost,
                             const struct recorded_run *run, int variant, struct error *error)
{
    enum result result = outcomes_read(outcomes, run, variant, error);
    return result == OK ? lost_records_read(lost, outcomes, run, variant, error) : result;
}

static void measure_pair(const struct comparing *comparing, struct compared *pair,
                         struct outcomes *a, struct outcomes *b)
{
    check_records(pair, &pair->a_lost, 'A');
    check_records(pair, &pair->b_lost, 'B');
    check_arrivals(comparing, pair, a, b);
    pair->a_requests = a->count;
    pair->b_requests = b->count;
    pair->a_rounds = a->round_count;
    pair->b_rounds = b->round_count;
    pair->rounds = a->round_count < b->round_count ? a->round_count : b->round_count;
    const struct compare_basis basis = {.a = a,
                                        .b = b,
                                        .paired = pair->paired,
                                        .two_runs = !comparing->one_run,
                                        .other_rates = has_other_rates(pair),
                                        .seed = comparing->options->seed};
    if (!pair->withheld[0])
        compare_figures_measure(&pair->figures, &basis);
}

static enum result compare_pair(const struct comparing *comparing, struct compared *pair,
                                struct error *error)
{
    int a_variant = recorded_run_variant(comparing->a, pair->a_label);
    int b_variant = recorded_run_variant(comparing->b, pair->b_label);
    experiment_diff(pair->differences, comparing->a, a_variant, comparing->b, b_variant);
    pair->same = comparing->one_run && a_variant == b_variant;
    check_run(pair, comparing->a, 'A');
    check_run(pair, comparing->b, 'B');
    struct outcomes a = {0}, b = {0};
    enum result result = read_side(&a, &pair->a_lost, comparing->a, a_variant, error);
    if (result == OK)
        result = read_side(&b, &pair->b_lost, comparing->b, b_variant, error);
    if (result == OK)
        measure_pair(comparing, pair, &a, &b);
    outcomes_free(&a);
    outcomes_free(&b);
    return result;
}

static size_t judge(struct comparing *comparing)
{
    size_t main = 0, detail = 0;
    for (size_t i = 0; i < comparing->count; i++)
        compare_figures_count(&comparing->items[i].figures, &main, &detail);
    for (size_t i = 0; i < comparing->count; i++)
        if (comparing->items[i].same)
            compare_figures_judge_same(&comparing->items[i].figures);
        else
            compare_figures_judge(&comparing->items[i].figures, main, detail);
    return main + detail;
}

/* ---- notes */

static void note(cJSON *notes, const char *format, ...) PRINTF_LIKE(2, 3);
static void note(cJSON *notes, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    cJSON_AddItemToArray(notes, cJSON_CreateString(text));
}

static void note_run(cJSON *notes, const struct recorded_run *run, char side)
{
    if (run->busy_share > STARVED)
        note(
            notes,
            "the machine was starved while %c ran (its cores were %.0f %% busy in a round): do not "
            "trust its latencies",
            side, run->busy_share * 100);
}

/* A few that are missing do not forbid the comparison. */
static void note_records(cJSON *notes, const struct lost_records *lost, char side,
                         const char *label)
{
    char said[128];
    if (lost_records_share(lost) <= LOST_RECORDS_MOST &&
        lost_records_say(lost, said, sizeof(said))[0])
        note(notes, "the records of %c (%s) are not whole: %s are missing from its run.db", side,
             label, said);
}

static void note_pair(cJSON *notes, const struct compared *pair)
{
    note_records(notes, &pair->a_lost, 'A', pair->a_label);
    if (!pair->same)
        note_records(notes, &pair->b_lost, 'B', pair->b_label);
}

static cJSON *collect_notes(const struct comparing *comparing)
{
    cJSON *notes = cJSON_CreateArray();
    const struct recorded_run *a = comparing->a, *b = comparing->b;
    bool one_round = false, unpaired = false, same = comparing->count > 0;
    for (size_t i = 0; i < comparing->count; i++) {
        same &= comparing->items[i].same;
        one_round |= comparing->items[i].rounds == 1;
        unpaired |= !comparing->items[i].paired && !comparing->items[i].withheld[0];
    }
    if (same)
        note(notes, "A and B are the same requests of the same run: nothing can differ");
    note_run(notes, a, 'A');
    if (!comparing->one_run)
        note_run(notes, b, 'B');
    for (size_t i = 0; i < comparing->count; i++)
        note_pair(notes, &comparing->items[i]);
    if (a != b && a->version && b->version && strcmp(a->version, b->version) != 0)
        note(notes, "A was made by tailgate %s, B by %s", a->version, b->version);
    if (one_round && !same)
        note(notes,
             "there is one round of each: how far rounds differ is not known, and what is usual "
             "is assumed (more rounds tell)");
    if (!comparing->one_run)
        note(notes,
             "the two runs were made one after the other: what the machine did between is not "
             "known, and what is usual is assumed (variants of one run, in turns, are compared "
             "more sharply)");
    if (unpaired)
        note(notes, "the arrivals are not the same, so the two are not compared moment by moment");
    return notes;
}

static enum exit_status print(struct comparing *comparing)
{
    const struct compare_options *options = comparing->options;
    size_t questions = judge(comparing);
    cJSON *json = compare_json(comparing->a, comparing->b, comparing->items, comparing->count,
                               questions, collect_notes(comparing));
    if (options->format == FORMAT_JSON) {
        char *text = cJSON_Print(json);
        puts(text);
        cJSON_free(text);
    } else {
        compare_print(stdout, json, options->format == FORMAT_MARKDOWN);
    }
    cJSON_Delete(json);
    bool fails = false;
    for (size_t i = 0; i < comparing->count; i++)
        fails |= compared_b_is_worse(&comparing->items[i]) ||
                 compared_overall(&comparing->items[i]) == OVERALL_WITHHELD;
    return fails && options->fail_if_worse ? EXIT_EXPECTATION : EXIT_DONE;
}

static void release(struct comparing *comparing)
{
    for (size_t i = 0; i < comparing->count; i++) {
        cJSON_Delete(comparing->items[i].differences);
        compare_figures_free(&comparing->items[i].figures);
    }
    free(comparing->items);
    recorded_run_close(&comparing->first);
    recorded_run_close(&comparing->second);
}

enum exit_status lab_compare(const struct compare_options *options)
{
    struct comparing comparing = {.options = options};
    comparing.a = &comparing.first;
    comparing.b = options->b ? &comparing.second : &comparing.first;
    struct error error;
    enum result result = recorded_run_open(&comparing.first, options->a, &error);
    if (result == OK && options->b)
        result = recorded_run_open(&comparing.second, options->b, &error);
    if (result == OK) {
        comparing.one_run =
            !options->b || is_one_folder(comparing.first.folder, comparing.second.folder);
        result = choose_pairs(&comparing, &error);
    }
    for (size_t i = 0; i < comparing.count && result == OK; i++)
        result = compare_pair(&comparing, &comparing.items[i], &error);
    enum exit_status status = result_exit_status(result);
    if (result == OK)
        status = print(&comparing);
    else
        fprintf(stderr, "%s\n", error.text);
    release(&comparing);
    return status;
}
