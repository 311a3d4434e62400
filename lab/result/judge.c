/* SPDX-License-Identifier: MIT */
#include "lab/result/judge.h"

#include <math.h>
#include <stdio.h>

#include "lab/result/clients.h"
#include "lab/result/subject.h"
#include "lib/base/memory.h"

/* Zeros of nothing would pass for a perfect service: a figure without data is none. `where` is the
 * variant that it was to come from, or "". */
static double take_figure(struct verdict *verdict, const struct variant_summary *measured,
                          const char *where)
{
    const struct expectation *expectation = verdict->expectation;
    const char *lacks = expect_lacks(expectation, measured), *route = expectation->route;
    if (!lacks)
        return expect_figure(expectation, measured);
    if (!verdict->lacks[0])
        snprintf(verdict->lacks, sizeof(verdict->lacks), "%s%s%s%s%s", lacks,
                 route[0] ? " on " : "", route, where[0] ? " in " : "", where);
    return NAN;
}

static enum result judge_one(struct summary *summary, const struct expectation *expectation,
                             size_t variant, struct sqlite3 *db, struct error *error)
{
    size_t against = expectation->against < 0 ? variant : (size_t)expectation->against;
    struct subject one = {0}, other = {0};
    enum result result = subject_read(&one, summary, expectation, variant, -1, db, error);
    if (result == OK)
        result = subject_read(&other, summary, expectation, against, -1, db, error);
    if (result == OK) {
        struct verdict *verdict = &summary->verdicts[summary->verdict_count++];
        *verdict = (struct verdict){.expectation = expectation, .variant = variant};
        verdict->value = take_figure(verdict, one.measured, "");
        verdict->limit = expect_limit(expectation, other.measured);
        if (expectation->against >= 0 &&
            isnan(take_figure(verdict, other.measured, summary->variants[against].label)))
            verdict->limit = NAN;
        verdict->holds =
            !verdict->lacks[0] && expect_holds(expectation, verdict->value, verdict->limit);
    }
    subject_release(&one);
    subject_release(&other);
    return result;
}

/* Of a variant that was left out nothing is asked, and nothing is compared with it. */
static bool is_asked_of(const struct plan *plan, const struct expectation *expectation,
                        size_t variant)
{
    if (plan->items[variant].skipped ||
        (expectation->against >= 0 && plan->items[expectation->against].skipped))
        return false;
    if (expectation->variant >= 0)
        return (size_t)expectation->variant == variant;
    return expectation->against != (int)variant; /* of none against itself */
}

/* Many that got no answer, of whom none of the expectations speaks, would pass for none. */
static bool is_lost_unseen(const struct summary *summary, size_t variant)
{
    const struct plan *plan = summary->plan;
    bool expects = false;
    for (size_t i = 0; i < plan->expectation_count; i++) {
        bool asked = is_asked_of(plan, &plan->expectations[i], variant);
        if (asked && expect_is_of_clients(&plan->expectations[i]))
            return false;
        expects |= asked;
    }
    return expects && clients_are_lost(&summary->variants[variant]);
}

enum result judge_expectations(struct summary *summary, struct sqlite3 *db, struct error *error)
{
    const struct plan *plan = summary->plan;
    summary->verdicts =
        mem_alloc((plan->expectation_count + 1) * plan->variants.count, sizeof(*summary->verdicts));
    enum result result = OK;
    for (size_t i = 0; i < plan->expectation_count && !summary->problem; i++)
        for (size_t variant = 0; variant < plan->variants.count && result == OK; variant++)
            if (is_asked_of(plan, &plan->expectations[i], variant))
                result = judge_one(summary, &plan->expectations[i], variant, db, error);
    for (size_t variant = 0; variant < plan->variants.count && result == OK; variant++)
        if (!summary->problem && is_lost_unseen(summary, variant))
            result = judge_one(summary, expect_clean(), variant, db, error);
    return result;
}
