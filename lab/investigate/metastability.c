/* SPDX-License-Identifier: MIT */
/* Metastability: a fault ends; does the share of requests that succeed come back, how soon, and
 * with how much retry budget does it not? */
#include <stdio.h>

#include <cjson/cJSON.h>

#include "lab/investigate/finding.h"
#include "lab/read/slots_read.h"
#include "lab/result/summary.h"

/* A slot is to hold about so many requests, and to be no shorter than that. */
#define REQUESTS_IN_SLOT 25
#define SHORTEST_SLOT    INT64_C(100000000)
/* What is recovered has to stay so for a second. */
#define HOLD INT64_C(1000000000)

/* All rounds of a variant. */
struct comeback {
    size_t rounds;    /* that could be judged */
    size_t recovered; /* of these */
    int64_t longest;  /* ns behind the fault, of those that recovered */
    double load, after;
    const char *unjudged; /* why not, of the last that could not be */
};

static int64_t slot_width(const struct load_spec *load)
{
    int64_t width = (int64_t)(REQUESTS_IN_SLOT / load->rate * 1e9);
    return (width / SHORTEST_SLOT + 1) * SHORTEST_SLOT;
}

static const char *why_not(enum recovery_verdict verdict)
{
    switch (verdict) {
    case RECOVERY_UNTOUCHED:
        return "the fault is not to be seen in what succeeded";
    case RECOVERY_UNKNOWN_BEFORE:
        return "the fault began too soon to know how it was before";
    case RECOVERY_UNWELL_BEFORE:
        return "requests failed before the fault already";
    case RECOVERY_CUT_OFF:
        return "the run ended too soon after the fault";
    case RECOVERY_SPARSE:
        return "there are too few requests in a slot of time";
    case RECOVERY_RECOVERED:
    case RECOVERY_NOT_WITHIN:
        break;
    }
    return NULL;
}

/* ---- one round */

static cJSON *goodput_json(const struct slots *slots)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < slots->count; i++) {
        const double slot[] = {(double)slots->items[i].requests, (double)slots->items[i].good,
                               (double)slots->items[i].tries};
        cJSON_AddItemToArray(list, cJSON_CreateDoubleArray(slot, 3));
    }
    return list;
}

/* The fault's slots are those it touches. */
static struct recovery judge(const struct slots *slots)
{
    struct recovery recovery;
    size_t began = (size_t)(slots->fault_from / slots->width);
    size_t ended = (size_t)((slots->fault_to + slots->width - 1) / slots->width);
    size_t hold = (size_t)((HOLD + slots->width - 1) / slots->width);
    recovery_judge(&recovery, slots->items, slots->count, began, ended, hold);
    return recovery;
}

/* From the end of the fault itself to the start of the slot. */
static int64_t time_of(const struct slots *slots, const struct recovery *recovery)
{
    int64_t behind = (slots->fault_to + slots->width - 1) / slots->width * slots->width;
    return behind - slots->fault_to + (int64_t)recovery->slots * slots->width;
}

static void add_round(struct comeback *comeback, cJSON *list, const struct slots *slots)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddItemToArray(list, json);
    cJSON_AddItemToObject(json, "slots", goodput_json(slots));
    if (slots->count == 0 || !slots->faulted) {
        comeback->unjudged =
            slots->count == 0 ? "a round did not run to its end" : "no fault was injected";
        return;
    }
    cJSON_AddNumberToObject(json, "fault_from_s", (double)slots->fault_from / 1e9);
    cJSON_AddNumberToObject(json, "fault_to_s", (double)slots->fault_to / 1e9);
    struct recovery recovery = judge(slots);
    if (why_not(recovery.verdict)) {
        comeback->unjudged = why_not(recovery.verdict);
        return;
    }
    comeback->rounds++;
    comeback->load += recovery.load;
    comeback->after += recovery.after;
    if (recovery.verdict == RECOVERY_NOT_WITHIN)
        return;
    comeback->recovered++;
    int64_t time = time_of(slots, &recovery);
    cJSON_AddNumberToObject(json, "recovered_s", (double)time / 1e9);
    comeback->longest = time > comeback->longest ? time : comeback->longest;
}

static enum result read_variant(struct comeback *comeback, cJSON *list,
                                const struct investigated *run, size_t variant, struct error *error)
{
    const struct plan *plan = run->summary->plan;
    struct slots slots = {.width = slot_width(&plan_experiment(plan, variant)->load)};
    *comeback = (struct comeback){0};
    enum result result = OK;
    for (int64_t round = 0; round < plan->rounds && result == OK; round++) {
        result = slots_read(&slots, run->db, (int64_t)variant, round, error);
        if (result == OK)
            add_round(comeback, list, &slots);
        slots_free(&slots);
    }
    if (comeback->rounds > 0) {
        comeback->load /= (double)comeback->rounds;
        comeback->after /= (double)comeback->rounds;
    }
    return result;
}

/* ---- what is said of it */

static bool all_recovered(const struct comeback *comeback)
{
    return comeback->rounds > 0 && comeback->recovered == comeback->rounds;
}

static void describe(char *out, size_t size, const struct comeback *comeback)
{
    char time[FINDING_TIME];
    finding_time(time, comeback->longest);
    if (comeback->rounds == 0)
        snprintf(out, size, "not judged: %s", comeback->unjudged ? comeback->unjudged : "no round");
    else if (comeback->recovered == 0)
        snprintf(out, size, "does not recover within the run");
    else if (all_recovered(comeback))
        snprintf(out, size, "%s%s", comeback->rounds > 1 ? "at most " : "", time);
    else
        snprintf(out, size, "does not recover in %zu of %zu rounds",
                 comeback->rounds - comeback->recovered, comeback->rounds);
}

static void add_row(cJSON *finding, const char *budget, const struct comeback *comeback)
{
    char text[160];
    describe(text, sizeof(text), comeback);
    cJSON *row = finding_add_row(finding);
    finding_add_cell(row, "%s", budget);
    finding_add_cell(row, "%s", text);
    if (comeback->rounds == 0) {
        finding_add_cell(row, "-");
        finding_add_cell(row, "-");
        return;
    }
    finding_add_cell(row, "%.2f", comeback->load);
    finding_add_cell(row, "%.0f%%", comeback->after * 100);
}

/* The variants at the border, in the order of the file, which is to be that of the budget. */
struct border {
    const char *last_recovered, *first_lost;
    int64_t longest;
    double load;
    size_t judged;
};

static void note_border(struct border *border, const char *budget, const struct comeback *comeback)
{
    if (comeback->rounds == 0)
        return;
    border->judged++;
    if (all_recovered(comeback)) {
        border->last_recovered = budget;
        border->longest = comeback->longest > border->longest ? comeback->longest : border->longest;
    } else if (!border->first_lost) {
        border->first_lost = budget;
        border->load = comeback->load;
    }
}

static void conclude(cJSON *finding, const struct border *border)
{
    char time[FINDING_TIME];
    finding_time(time, border->longest);
    if (border->judged == 0)
        finding_withhold(finding, "no variant could be judged; the table says why");
    else if (!border->first_lost)
        finding_answer(finding,
                       "With every budget that was tried, requests succeed as before at most %s "
                       "after the fault has ended.",
                       time);
    else if (!border->last_recovered)
        finding_answer(finding,
                       "With none of the budgets does it come back within the run, although the "
                       "fault is over (%.2f tries for each request with %s).",
                       border->load, border->first_lost);
    else
        finding_answer(finding,
                       "With a retry budget of %s it comes back, at most %s after the fault has "
                       "ended. %s is too much: the fault is over, and %.2f tries for each request "
                       "keep it down until the run ends.",
                       border->last_recovered, time, border->first_lost, border->load);
}

enum result metastability_investigate(cJSON *finding, const struct investigated *run,
                                      struct error *error)
{
    static const char *const titles[] = {"retry.budget", "recovered after", "tries per request",
                                         "succeed at the end"};
    const struct plan *plan = run->summary->plan;
    finding_set_columns(finding, titles, ARRAY_LEN(titles));
    cJSON *variants = cJSON_AddArrayToObject(finding_data(finding), "variants");
    struct border border = {0};
    enum result result = OK;
    for (size_t i = 0; i < plan->variants.count && result == OK; i++) {
        const char *budget = finding_value(run, i, 0, run->summary->variants[i].label);
        struct comeback comeback;
        cJSON *json = cJSON_CreateObject();
        cJSON_AddItemToArray(variants, json);
        cJSON_AddStringToObject(json, "budget", budget);
        cJSON_AddNumberToObject(json, "slot_s",
                                (double)slot_width(&plan_experiment(plan, i)->load) / 1e9);
        result = read_variant(&comeback, cJSON_AddArrayToObject(json, "rounds"), run, i, error);
        add_row(finding, budget, &comeback);
        note_border(&border, budget, &comeback);
    }
    if (result == OK)
        conclude(finding, &border);
    return result;
}
