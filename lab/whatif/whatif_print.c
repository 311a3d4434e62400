/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "lab/whatif/whatif_result.h"
#include "lab/whatif/whatif_setting.h"

struct cell {
    char text[200];
};

/* How wide each column is as text. */
enum { COLUMNS = 5 };
static const int widths[COLUMNS] = {78, 26, 26, 11, 0};

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

static void put_range(struct cell *cell, const struct prediction_range *range, double factor,
                      const char *unit)
{
    snprintf(cell->text, sizeof(cell->text), "%.3g%s [%.3g, %.3g]", range->value * factor, unit,
             range->low * factor, range->high * factor);
}

static void put_figures(struct cell *cells, const struct prediction *prediction)
{
    put_range(&cells[0], &prediction->failure_rate, 100, "%");
    if (prediction->p99_known)
        put_range(&cells[1], &prediction->p99_ms, 1, "ms");
    else
        snprintf(cells[1].text, sizeof(cells[1].text), "(below 1000 requests)");
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

static const struct whatif_point *find_untold(const struct whatif *whatif)
{
    for (size_t i = 0; i < whatif->grid.count; i++)
        if (whatif->points[i].verdict == WHATIF_UNTOLD)
            return &whatif->points[i];
    return NULL;
}

static void print_choice(const struct whatif *whatif)
{
    char text[256];
    if (!whatif->options->objective)
        return;
    const struct whatif_point *untold = find_untold(whatif);
    if (whatif->best < 0 && untold) {
        printf("\nwhether a setting meets \"%s\" %s\n", whatif->options->objective, untold->caveat);
        return;
    }
    if (whatif->best < 0) {
        printf("\nno setting that was looked at meets \"%s\"\n", whatif->options->objective);
        return;
    }
    const struct whatif_point *best = &whatif->points[whatif->best];
    whatif_setting_text(text, sizeof(text), &whatif->grid.points[whatif->best].setting,
                        &whatif->present);
    const struct prediction_range *rate = &best->prediction.failure_rate;
    printf("\nthe cheapest that meets \"%s\": %s (%.2f %% more tries; failures of a run like this "
           "one: %.3g %% to %.3g %%)%s%s\n",
           whatif->options->objective, text, best->prediction.extra_load * 100, rate->low * 100,
           rate->high * 100, best->caveat[0] ? "; it " : "", best->caveat);
}

static void print_proofs(const struct whatif *whatif)
{
    if (whatif->proof_count == 0)
        return;
    static const struct cell heads[COLUMNS] = {{"proven by experiment"},
                                               {"failures predicted"},
                                               {"failures measured"},
                                               {"error"},
                                               {"in the interval, p99 predicted and measured"}};
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
        put_range(&cells[1], &predicted->failure_rate, 100, "%");
        put_range(&cells[2], &proof->measured.failure_rate, 100, "%");
        snprintf(cells[3].text, sizeof(cells[3].text), "%.1f%%", proof->relative_error * 100);
        const char *within = proof->within ? "yes" : "NO";
        if (predicted->p99_known && proof->measured.p99_known)
            snprintf(cells[4].text, sizeof(cells[4].text), "%s, %.3gms and %.3gms", within,
                     predicted->p99_ms.value, proof->measured.p99_ms.value);
        else
            snprintf(cells[4].text, sizeof(cells[4].text), "%s, (below 1000 requests)", within);
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
