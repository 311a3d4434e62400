/* SPDX-License-Identifier: MIT */
/* The keep-alive race: which pooled connections were closed as they were used, by how long they had
 * been idle. */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "lab/investigate/finding.h"
#include "lab/read/reuses_read.h"
#include "lab/result/summary.h"
#include "lib/base/memory.h"

/* What has been read of all variants. */
struct race {
    struct cJSON *finding;
    const struct investigated *run;
    struct reuses all;
    int64_t slack; /* by how much pools keep connections longer than they are told */
};

static double ms_of(int64_t ns)
{
    return (double)(ns / 1000) / 1e3;
}

/* ---- one variant */

static struct idle_race judge(struct race *race, const struct reuses *reuses, int64_t timeout)
{
    struct idle_race own;
    idle_race_judge(&own, reuses->items, reuses->count, 0);
    if (timeout > 0 && reuses->count > 0) {
        /* All but one use in a hundred: a single one may only show that the machine was busy. */
        int64_t longest = reuses->items[reuses->count - 1 - reuses->count / 100].idle;
        if (longest - timeout > race->slack)
            race->slack = longest - timeout;
    }
    return own;
}

static void add_row(struct race *race, size_t variant, const struct idle_race *own)
{
    char longest[FINDING_TIME], first[FINDING_TIME];
    cJSON *row = finding_add_row(race->finding);
    finding_add_cell(row, "%s", race->run->summary->variants[variant].label);
    finding_add_cell(row, "%zu", own->reuses);
    finding_add_cell(row, "%s", finding_time(longest, own->last_kept));
    finding_add_cell(row, "%zu", own->lost);
    finding_add_cell(row, "%s", own->lost > 0 ? finding_time(first, own->first_lost) : "-");
}

static void append(struct reuses *all, const struct reuses *some)
{
    if (some->count == 0)
        return;
    all->items = mem_grow(all->items, all->count + some->count, sizeof(*all->items));
    memcpy(all->items + all->count, some->items, some->count * sizeof(*some->items));
    all->count += some->count;
}

static enum result read_variant(struct race *race, size_t variant, struct error *error)
{
    struct reuses reuses = {0};
    enum result result = reuses_read(&reuses, race->run->db, (int64_t)variant, error);
    if (result == OK) {
        struct idle_race own = judge(race, &reuses, finding_value_ns(race->run, variant, 0));
        add_row(race, variant, &own);
        append(&race->all, &reuses);
        race->all.unknown += reuses.unknown;
    }
    reuses_free(&reuses);
    return result;
}

/* ---- all of them */

static void add_data(cJSON *data, const struct race *race, const struct idle_race *found)
{
    struct idle_race_class classes[IDLE_RACE_CLASSES];
    size_t count = idle_race_classify(classes, race->all.items, race->all.count);
    cJSON *list = cJSON_AddArrayToObject(data, "classes");
    for (size_t i = 0; i < count; i++) {
        const double row[] = {ms_of(classes[i].from), ms_of(classes[i].to),
                              (double)classes[i].reuses, (double)classes[i].lost};
        cJSON_AddItemToArray(list, cJSON_CreateDoubleArray(row, 4));
    }
    cJSON_AddNumberToObject(data, "reuses", (double)found->reuses);
    cJSON_AddNumberToObject(data, "lost", (double)found->lost);
    if (found->lost > 0) {
        cJSON_AddNumberToObject(data, "first_lost_ms", ms_of(found->first_lost));
        cJSON_AddNumberToObject(data, "last_lost_ms", ms_of(found->last_lost));
    }
    if (found->verdict != IDLE_RACE_SAFE)
        return;
    cJSON_AddNumberToObject(data, "safe_ms", ms_of(found->safe));
    cJSON_AddNumberToObject(data, "margin_ms", ms_of(found->margin));
    cJSON_AddNumberToObject(data, "slack_ms", ms_of(race->slack));
    cJSON_AddNumberToObject(data, "below", (double)found->below);
    cJSON_AddNumberToObject(data, "below_most", found->below_most);
}

static void answer(const struct race *race, const struct idle_race *found)
{
    char safe[FINDING_TIME], first[FINDING_TIME], margin[FINDING_TIME], slack[FINDING_TIME];
    finding_answer(race->finding,
                   "connections.idle_timeout up to %s is safe here. The youngest connection that "
                   "was lost had been idle for %s; from that, %s are taken for what %zu losses may "
                   "not have shown (95 %%) and %s for how late the pool closes. None of %zu uses "
                   "up to there was lost: fewer than %.2g %% are (95 %%).",
                   finding_time(safe, found->safe), finding_time(first, found->first_lost),
                   finding_time(margin, found->margin), found->lost,
                   finding_time(slack, race->slack), found->below, found->below_most * 100);
}

static void conclude(const struct race *race, const struct idle_race *found)
{
    char first[FINDING_TIME], last[FINDING_TIME];
    finding_time(first, found->first_lost);
    finding_time(last, found->last_lost);
    switch (found->verdict) {
    case IDLE_RACE_SAFE:
        answer(race, found);
        break;
    case IDLE_RACE_NO_LOSS:
        finding_withhold(race->finding,
                         "none of %zu uses of a pooled connection was lost, the longest idle one "
                         "for %s: where losses begin was not seen",
                         found->reuses, finding_time(last, found->last_kept));
        break;
    case IDLE_RACE_FEW_LOST:
        finding_withhold(race->finding,
                         "only %zu uses of a pooled connection were lost (after %s to %s): %d are "
                         "needed to say from which age on",
                         found->lost, first, last, IDLE_RACE_LEAST_LOST);
        break;
    case IDLE_RACE_EVERYWHERE:
        finding_withhold(race->finding,
                         "connections were lost after %s of idleness as after %s: no idle timer "
                         "alone does that, nor an idle_timeout prevent it, unless the machine was "
                         "too busy to keep time",
                         first, last);
        break;
    case IDLE_RACE_UNTRIED:
        finding_withhold(race->finding,
                         "losses begin after %s, but hardly a connection was used again shortly "
                         "before: that it would be safe was not seen",
                         first);
        break;
    }
}

static enum result read_all(struct race *race, struct error *error)
{
    static const char *const titles[] = {"variant", "reuses", "idle at most, kept", "lost",
                                         "idle at least, lost"};
    finding_set_columns(race->finding, titles, ARRAY_LEN(titles));
    enum result result = OK;
    for (size_t i = 0; i < race->run->summary->plan->variants.count && result == OK; i++)
        result = read_variant(race, i, error);
    return result;
}

enum result keepalive_race_investigate(cJSON *finding, const struct investigated *run,
                                       struct error *error)
{
    struct race race = {.finding = finding, .run = run};
    enum result result = read_all(&race, error);
    if (result == OK) {
        struct idle_race found;
        idle_race_judge(&found, race.all.items, race.all.count, race.slack);
        conclude(&race, &found);
        add_data(finding_data(finding), &race, &found);
    }
    if (result == OK && race.all.unknown > 0)
        finding_note(finding,
                     "%zu uses of pooled connections are left out: the use before is not recorded",
                     race.all.unknown);
    reuses_free(&race.all);
    return result;
}
