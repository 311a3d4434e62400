/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "lab/whatif/whatif_result.h"
#include "lab/whatif/whatif_setting.h"
#include "lib/base/units.h"

struct cell {
    char text[320];
};

/* How wide each column is as text. */
enum { COLUMNS = 5 };
static const int widths[COLUMNS] = {78, 28, 28, 11, 0};

static void print_row(const struct whatif *whatif, const struct cell *cells)
{
    bool markdown = whatif->options->format == FORMAT_MARKDOWN;
    for (size_t i = 0; i < COLUMNS; i++) {
        int rest = widths[i] - (int)strlen(cells[i].text);
        if (markdown)
            printf("| %s ", cells[i].text);
        else
            printf("%s%*s", cells[i].text, rest > 1 ? rest : 1, "");
    }
    printf(markdown ? "|\n" : "\n");
}

const char *whatif_percent(char *out, size_t size, double share)
{
    double percent = share * 100;
    int digits = percent >= 99.95 ? 0 : percent >= 9.995 ? 1 : percent >= 0.9995 ? 2 : 3;
    digits += percent < 0.09995;
    snprintf(out, size, "%.*f", digits, percent);
    size_t length = strlen(out);
    while (digits > 0 && (out[length - 1] == '0' || out[length - 1] == '.'))
        if (out[--length] == '.')
            digits = 0;
    snprintf(out + length, size - length, "%%");
    return out;
}

const char *whatif_ms(char *out, size_t size, double ms)
{
    return units_format_duration(out, size, duration_ns((int64_t)llround(ms * (double)NS_PER_MS)));
}

typedef const char *format_one(char *out, size_t size, double value);

static const char *format_range(char *out, size_t size, const struct prediction_range *range,
                                format_one *format)
{
    char value[40], low[40], high[40];
    snprintf(out, size, "%s [%s, %s]", format(value, sizeof(value), range->value),
             format(low, sizeof(low), range->low), format(high, sizeof(high), range->high));
    return out;
}

static void put_range(struct cell *cell, const struct prediction_range *range, format_one *format)
{
    format_range(cell->text, sizeof(cell->text), range, format);
}

/* The words where there is no p99; the notes say more. */
static const char *without_p99(const struct prediction *prediction)
{
    return prediction->requests < 1000 ? "(below 1000 requests)" : "(1% or more were given up)";
}

static void put_figures(struct cell *cells, const struct prediction *prediction)
{
    put_range(&cells[0], &prediction->failure_rate, whatif_percent);
    if (prediction->p99_known)
        put_range(&cells[1], &prediction->p99_ms, whatif_ms);
    else
        snprintf(cells[1].text, sizeof(cells[1].text), "%s", without_p99(prediction));
    snprintf(cells[2].text, sizeof(cells[2].text), "%.2f%%", prediction->extra_load * 100);
}

static void print_point(const struct whatif *whatif, size_t number)
{
    const struct whatif_point *point = &whatif->points[number];
    struct cell cells[COLUMNS] = {0};
    whatif_setting_text(cells[0].text, sizeof(cells[0].text), &whatif->grid.points[number].setting,
                        &whatif->present);
    if (point->withheld[0])
        snprintf(cells[1].text, sizeof(cells[1].text), "withheld: %s", point->withheld);
    else
        put_figures(&cells[1], &point->prediction);
    const char *verdict = (int)number == whatif->best      ? "<- cheapest"
                          : point->verdict == WHATIF_MEETS ? "meets"
                                                           : "";
    if (!point->withheld[0])
        snprintf(cells[4].text, sizeof(cells[4].text), "%s%s%s", verdict,
                 *verdict && point->caveat[0] ? "; " : "", point->caveat);
    print_row(whatif, cells);
}

static void print_heads(const struct whatif *whatif)
{
    static const struct cell heads[COLUMNS] = {
        {"setting"}, {"failures [95 %]"}, {"p99 [95 %]"}, {"extra load"}, {""}};
    print_row(whatif, heads);
    if (whatif->options->format == FORMAT_MARKDOWN)
        printf("|---|---|---|---|---|\n");
}

static void print_points(const struct whatif *whatif)
{
    const char *group = "";
    print_heads(whatif);
    for (size_t i = 0; i < whatif->grid.count; i++) {
        const char *own = whatif->grid.points[i].group;
        if (i > 0 && strcmp(group, own) != 0 && whatif->options->format == FORMAT_TEXT)
            printf("  by %s\n", own);
        group = own;
        print_point(whatif, i);
    }
}

/* How many points cannot be told to meet the objective; `first` says why of the first. */
static size_t count_untold(const struct whatif *whatif, const char **first)
{
    size_t count = 0;
    for (size_t i = 0; i < whatif->grid.count; i++)
        if (whatif->points[i].verdict == WHATIF_UNTOLD && count++ == 0)
            *first = whatif->points[i].caveat;
    return count;
}

static void print_no_choice(const struct whatif *whatif)
{
    const char *objective = whatif->options->objective, *why = NULL;
    size_t untold = count_untold(whatif, &why), count = whatif->grid.count;
    if (untold == count)
        printf("\nwhether a setting meets \"%s\" %s\n", objective, why);
    else if (untold > 0)
        printf("\n%zu of the %zu settings that were looked at do not meet \"%s\"; of the other %zu "
               "it %s\n",
               count - untold, count, objective, untold, why);
    else
        printf("\nno setting that was looked at meets \"%s\"\n", objective);
}

static void print_choice(const struct whatif *whatif)
{
    char text[256], low[40], high[40];
    if (!whatif->options->objective)
        return;
    if (whatif->best < 0) {
        print_no_choice(whatif);
        return;
    }
    const struct whatif_point *best = &whatif->points[whatif->best];
    whatif_setting_text(text, sizeof(text), &whatif->grid.points[whatif->best].setting,
                        &whatif->present);
    const struct prediction_range *rate = &best->prediction.failure_rate;
    printf("\nthe cheapest that meets \"%s\": %s (%.2f%% more tries; failures of a run like this "
           "one: %s to %s)%s%s\n",
           whatif->options->objective, text, best->prediction.extra_load * 100,
           whatif_percent(low, sizeof(low), rate->low),
           whatif_percent(high, sizeof(high), rate->high), best->caveat[0] ? "; it " : "",
           best->caveat);
}

static void put_p99(struct cell *cell, const struct whatif_proof *proof,
                    const struct prediction *predicted)
{
    char range[128], measured[40];
    const char *within = proof->within ? "yes" : "NO";
    if (!proof->p99_known)
        snprintf(cell->text, sizeof(cell->text), "%s; p99 %s", within,
                 without_p99(predicted->p99_known ? &proof->measured : predicted));
    else
        snprintf(cell->text, sizeof(cell->text), "%s; p99 %s, measured %s: %s", within,
                 format_range(range, sizeof(range), &predicted->p99_ms, whatif_ms),
                 whatif_ms(measured, sizeof(measured), proof->measured.p99_ms.value),
                 proof->p99_within ? "yes" : "NO");
}

static void put_error(struct cell *cell, double error)
{
    if (isnan(error))
        snprintf(cell->text, sizeof(cell->text), "-");
    else
        snprintf(cell->text, sizeof(cell->text), "%.1f%%", error * 100);
}

static void print_proofs(const struct whatif *whatif)
{
    if (whatif->proof_count == 0)
        return;
    static const struct cell heads[COLUMNS] = {{"proven by experiment"},
                                               {"failures predicted"},
                                               {"failures measured"},
                                               {"error"},
                                               {"in the interval; the same of the p99"}};
    printf("\n");
    print_row(whatif, heads);
    if (whatif->options->format == FORMAT_MARKDOWN)
        printf("|---|---|---|---|---|\n");
    for (size_t i = 0; i < whatif->proof_count; i++) {
        const struct whatif_proof *proof = &whatif->proofs[i];
        const struct prediction *predicted = &whatif->points[proof->point].prediction;
        struct cell cells[COLUMNS] = {0};
        char text[160];
        whatif_setting_text(text, sizeof(text), &whatif->grid.points[proof->point].setting,
                            &whatif->present);
        snprintf(cells[0].text, sizeof(cells[0].text), "%s (%s)", text,
                 proof->same_seed ? "same seed" : "new seed");
        put_range(&cells[2], &proof->measured.failure_rate, whatif_percent);
        put_error(&cells[3], proof->relative_error);
        if (whatif->points[proof->point].withheld[0]) {
            snprintf(cells[1].text, sizeof(cells[1].text), "withheld");
        } else {
            put_range(&cells[1], &predicted->failure_rate, whatif_percent);
            put_p99(&cells[4], proof, predicted);
        }
        print_row(whatif, cells);
    }
}

static void print_notes(const struct whatif *whatif)
{
    const cJSON *note;
    printf("\n");
    cJSON_ArrayForEach(note, whatif->notes) printf("note: %s\n", note->valuestring);
}

void whatif_print(const struct whatif *whatif)
{
    if (whatif->options->format == FORMAT_JSON) {
        cJSON *json = whatif_json(whatif);
        char *text = cJSON_Print(json);
        printf("%s\n", text);
        cJSON_free(text);
        cJSON_Delete(json);
        return;
    }
    struct cell recorded[COLUMNS] = {{"recorded"}};
    char flaw[120];
    if (whatif_find_flaw(whatif, flaw, sizeof(flaw)))
        snprintf(recorded[1].text, sizeof(recorded[1].text), "withheld: %s", flaw);
    else
        put_figures(&recorded[1], &whatif->recorded);
    printf("%s, %s, upstream %s: %zu requests, %zu failures, %zu not answered; predicted for a "
           "run as long as this one\n\n",
           whatif->run.folder, whatif->run.variants[whatif->variant].label, whatif->facts.upstream,
           whatif->recorded.requests, whatif->recorded.failures, whatif->recorded.unanswered);
    print_points(whatif);
    print_row(whatif, recorded);
    print_choice(whatif);
    print_proofs(whatif);
    print_notes(whatif);
}
