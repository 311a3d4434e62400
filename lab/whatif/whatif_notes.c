/* SPDX-License-Identifier: MIT */
/* What is to be said beside the figures: what is doubtful in the run, in its records, and in a
 * replay at all. */
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cjson/cJSON.h>

#include "lab/whatif/whatif_result.h"
#include "lab/whatif/whatif_setting.h"
#include "lib/base/units.h"

/* A generator that lagged more ran on a machine whose own stalls are in the records. */
#define LATE_LAG_MS 20.0
/* With a larger share of the records flawed the figures would be those of another run. */
#define MOST_FLAWED 0.01

/* How the records of a run can be flawed. */
static const struct {
    size_t offset;    /* of a trace_flaw in struct trace_facts */
    const char *text; /* behind "2 of 10 (20 %)" */
} flaws[] = {
    {offsetof(struct trace_facts, clients),
     "requests that the load generator counted have no record"},
    {offsetof(struct trace_facts, requests), "answered requests have no record of the gateway"},
    {offsetof(struct trace_facts, tries), "tries of the gateway have no record"},
    {offsetof(struct trace_facts, beyond), "requests were due outside of their round"},
};

void whatif_note(struct whatif *whatif, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    cJSON_AddItemToArray(whatif->notes, cJSON_CreateString(text));
}

/* ---- the run and its records */

static const struct trace_flaw *flaw_of(const struct whatif *whatif, size_t number)
{
    return (const void *)((const char *)&whatif->facts + flaws[number].offset);
}

bool whatif_find_flaw(const struct whatif *whatif, char *out, size_t size)
{
    for (size_t i = 0; i < ARRAY_LEN(flaws); i++) {
        const struct trace_flaw *flaw = flaw_of(whatif, i);
        if ((double)flaw->count <= MOST_FLAWED * (double)flaw->of)
            continue;
        snprintf(out, size, "%zu of %zu %s", flaw->count, flaw->of, flaws[i].text);
        return true;
    }
    return false;
}

static void note_flaws(struct whatif *whatif)
{
    for (size_t i = 0; i < ARRAY_LEN(flaws); i++) {
        const struct trace_flaw *flaw = flaw_of(whatif, i);
        char share[32];
        if (flaw->count == 0)
            continue;
        bool many = (double)flaw->count > MOST_FLAWED * (double)flaw->of;
        whatif_note(whatif, "%zu of %zu %s (%s): %s", flaw->count, flaw->of, flaws[i].text,
                    whatif_percent(share, sizeof(share), (double)flaw->count / (double)flaw->of),
                    many ? "the records are not those of a whole run, and nothing is predicted "
                           "from them"
                         : "the figures lack them");
    }
}

static void note_run(struct whatif *whatif)
{
    const struct recorded_run *run = &whatif->run;
    if (run->problem)
        whatif_note(whatif,
                    "the run was cut short (%s): what it would have shown later is not in "
                    "these figures",
                    run->problem);
    size_t unanswered = whatif->recorded.unanswered;
    if (unanswered > 0)
        whatif_note(whatif,
                    "%zu requests of the run (%.3g %%) were not answered: what became of clients "
                    "is not predicted, since the gateway alone is replayed. They are no failures "
                    "of the gateway here, nor is one that was given up a success of any setting, "
                    "and where they are 1 %% or more the p99 is withheld",
                    unanswered, 100 * (double)unanswered / (double)whatif->recorded.requests);
    if (run->dropped > 0)
        whatif_note(whatif, "%llu records of the run were dropped: the figures lack those requests",
                    (unsigned long long)run->dropped);
    double lag = (double)whatif->facts.lag_p99 / (double)NS_PER_MS;
    if (lag > LATE_LAG_MS)
        whatif_note(whatif,
                    "the load generator of the run was late by %.1f ms at its p99: what held "
                    "it up has held up the others, too, and will not do so again",
                    lag);
    if (run->busy_share > 0.9)
        whatif_note(whatif,
                    "the machine was starved in the run (%.0f %% busy): its times are "
                    "those of that machine",
                    run->busy_share * 100);
}

static void note_late(struct whatif *whatif)
{
    const struct trace_facts *facts = &whatif->facts;
    if (facts->given_up > 0 && facts->listened <= 0)
        whatif_note(whatif,
                    "no late response was listened for (upstreams.*.late.window): of %zu tries "
                    "that were given up nobody knows when the response would have come, "
                    "and longer timeouts cannot be judged",
                    facts->given_up);
    else if (facts->given_up > facts->heard_late)
        whatif_note(whatif,
                    "of %zu tries that were given up, %zu had not been answered when "
                    "nobody listened any more: their times are estimated from the others' "
                    "(Kaplan-Meier)",
                    facts->given_up, facts->given_up - facts->heard_late);
    if (facts->hedge_lost > 0)
        whatif_note(whatif,
                    "%zu tries were left for a faster one of the same request: when they would "
                    "have been answered nobody knows, and at settings with fewer or later hedges "
                    "it is estimated from the others, or withheld",
                    facts->hedge_lost);
}

static void note_facts(struct whatif *whatif)
{
    const struct trace_facts *facts = &whatif->facts;
    if (facts->cut)
        whatif_note(whatif,
                    "the run is long: the first %d requests of its rounds together are the "
                    "ones that this is about",
                    TRACE_MOST);
    if (facts->shut_out > 0)
        whatif_note(whatif,
                    "%zu requests were shut out (no endpoint, a breaker, a limit): they "
                    "are taken to be so at every setting",
                    facts->shut_out);
    if (facts->ejections > 0)
        whatif_note(whatif,
                    "endpoints were ejected or breakers opened %zu times: at another "
                    "setting they would be at other moments, which is not predicted",
                    facts->ejections);
    double quantile = whatif_hedge_quantile(whatif->upstream);
    if (quantile > 0)
        whatif_note(whatif,
                    "hedges are sent after the %g %% quantile, which is taken to be that "
                    "of the whole run",
                    quantile * 100);
}

/* ---- the replay */

static void note_p99(struct whatif *whatif)
{
    const struct prediction *replayed = &whatif->points[0].prediction;
    if (!replayed->p99_known || !whatif->recorded.p99_known || whatif->p99_miss == 0)
        return;
    char of_replay[32], of_run[32], missed[32];
    whatif_ms(of_replay, sizeof(of_replay), replayed->p99_ms.value);
    whatif_ms(of_run, sizeof(of_run), whatif->recorded.p99_ms.value);
    whatif_ms(missed, sizeof(missed), fabs(whatif->p99_miss));
    if (whatif->p99_missed)
        whatif_note(whatif,
                    "replayed at its own setting, the run has a p99 of %s, and really it had %s: "
                    "something that the replay does not know of was at work, and the other "
                    "figures are off as well",
                    of_replay, of_run);
    whatif_note(whatif,
                "by as much as the replay misses the run's own p99 (%s) the intervals of all p99 "
                "are wider on both sides, and an objective must hold with it",
                missed);
}

/* A larger share of all requests than this is no chance. */
#define MOST_MISSED 0.01

static void note_give_ups(struct whatif *whatif)
{
    const struct prediction *recorded = &whatif->recorded;
    double replayed = (double)whatif->points[0].prediction.gave_up / (double)recorded->requests;
    double really = (double)recorded->gave_up / (double)recorded->requests;
    char of_replay[32], of_run[32];
    if (fabs(really - replayed) <= MOST_MISSED)
        return;
    whatif_note(whatif,
                "replayed at its own setting, %s of the requests are given up by their clients, "
                "and really %s were: something that the replay does not know of was at work, and "
                "the other figures are off as well",
                whatif_percent(of_replay, sizeof(of_replay), replayed),
                whatif_percent(of_run, sizeof(of_run), really));
}

static void note_replay(struct whatif *whatif)
{
    const struct prediction *replayed = &whatif->points[0].prediction;
    double recorded = whatif->recorded.failure_rate.value;
    if (whatif->points[0].withheld[0])
        return;
    if (recorded < replayed->failure_rate.low || recorded > replayed->failure_rate.high)
        whatif_note(whatif,
                    "replayed at its own setting, the run has %.3g %% failures, and really "
                    "it had %.3g %%: something that the replay does not know of was at "
                    "work, and the other figures are off as well",
                    replayed->failure_rate.value * 100, recorded * 100);
    note_p99(whatif);
    note_give_ups(whatif);
    whatif_note(whatif,
                "not in these figures: that more load makes backends slower. Where retries "
                "and hedges add more than %.0f %% of tries the intervals are widened by that share",
                WHATIF_MUCH_LOAD * 100);
    if (!whatif->options->at && whatif->facts.reuses == 0)
        whatif_note(whatif, "idle timeouts are withheld: no connection was used twice, so nothing "
                            "is known of idle ones");
    else if (!whatif->options->at)
        whatif_note(whatif, "idle timeouts above the present one are withheld: no connection was "
                            "idle for so long");
}

void whatif_note_all(struct whatif *whatif)
{
    note_flaws(whatif);
    note_run(whatif);
    note_late(whatif);
    note_facts(whatif);
    note_replay(whatif);
}
