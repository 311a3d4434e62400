/* SPDX-License-Identifier: MIT */
#include "lab/result/judge.h"

#include <math.h>
#include <stdio.h>

#include "lab/result/clients.h"
#include "lab/result/subject.h"
#include "lib/base/memory.h"

/* `where` is the variant that it was to come from, or "". */
static void say_lacks(struct verdict *verdict, const char *lacks, const char *where)
{
    const char *route = verdict->expectation->route;
    if (!verdict->lacks[0])
        snprintf(verdict->lacks, sizeof(verdict->lacks), "%s%s%s%s%s", lacks,
                 route[0] ? " on " : "", route, where[0] ? " in " : "", where);
}

/* Zeros of nothing would pass for a perfect service: a figure without data is none. */
static double take_figure(struct verdict *verdict, const struct variant_summary *measured,
                          const char *where)
{
    const struct expectation *expectation = verdict->expectation;
    char lacks[sizeof(verdict->lacks) / 2];
    if (!expect_lacks(expectation, measured, lacks, sizeof(lacks))[0])
        return expect_figure(expectation, measured);
    say_lacks(verdict, lacks, where);
    return NAN;
}

/* Whether the verdict is the same however much larger than its lower bound a figure is. */
static bool is_decided(const struct verdict *verdict)
{
    const struct expectation *expectation = verdict->expectation;
    if (!verdict->value_bound && !verdict->limit_bound)
        return true;
    if (verdict->value_bound && verdict->limit_bound)
        return false;
    double value = verdict->value_bound ? INFINITY : verdict->value;
    double limit = verdict->limit_bound ? INFINITY : verdict->limit;
    bool may_meet =
        verdict->value_bound ? verdict->value < verdict->limit : verdict->limit < verdict->value;
    if (expectation->comparison == EXPECT_EQUAL && may_meet)
        return false;
    return expect_holds(expectation, value, limit) == verdict->holds;
}

static void decide(struct verdict *verdict, const struct variant_summary *measured,
                   const struct variant_summary *other, const char *where)
{
    char why[sizeof(verdict->lacks) / 2];
    if (verdict->lacks[0])
        return;
    const struct expectation *expectation = verdict->expectation;
    verdict->holds = expect_holds(expectation, verdict->value, verdict->limit);
    if (is_decided(verdict))
        return;
    verdict->holds = false;
    if (verdict->value_bound)
        say_lacks(verdict, expect_explain_bound(expectation, measured, why, sizeof(why)), "");
    else
        say_lacks(verdict, expect_explain_bound(expectation, other, why, sizeof(why)), where);
    verdict->value = verdict->value_bound ? NAN : verdict->value;
    verdict->limit = verdict->limit_bound ? NAN : verdict->limit;
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
        const char *where = summary->variants[against].label;
        struct verdict *verdict = &summary->verdicts[summary->verdict_count++];
        *verdict = (struct verdict){.expectation = expectation, .variant = variant};
        verdict->value = take_figure(verdict, one.measured, "");
        verdict->value_bound = expect_is_bound(expectation, one.measured);
        verdict->limit = expect_limit(expectation, other.measured);
        verdict->limit_bound =
            expectation->against >= 0 && expect_is_bound(expectation, other.measured);
        if (expectation->against >= 0 && isnan(take_figure(verdict, other.measured, where)))
            verdict->limit = NAN;
        decide(verdict, one.measured, other.measured, where);
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
