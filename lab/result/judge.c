/* SPDX-License-Identifier: MIT */
#include "lab/result/judge.h"

#include "lab/result/summary_route.h"
#include "lib/base/memory.h"

/* What an expectation is about: a variant, or one route of it. */
struct subject {
    const struct variant_summary *measured;
    struct variant_summary of_route;
};

static enum result subject_find(struct subject *subject, const struct summary *summary,
                                const struct expectation *expectation, size_t variant,
                                struct sqlite3 *db, struct error *error)
{
    *subject = (struct subject){.measured = &summary->variants[variant]};
    if (!expectation->route[0])
        return OK;
    subject->measured = &subject->of_route;
    return summary_route_read(&subject->of_route, variant, expectation->route, db, error);
}

static void subject_release(struct subject *subject)
{
    hist_free(&subject->of_route.latency);
}

static enum result judge_one(struct summary *summary, const struct expectation *expectation,
                             size_t variant, struct sqlite3 *db, struct error *error)
{
    size_t against = expectation->against < 0 ? variant : (size_t)expectation->against;
    struct subject one = {0}, other = {0};
    enum result result = subject_find(&one, summary, expectation, variant, db, error);
    if (result == OK)
        result = subject_find(&other, summary, expectation, against, db, error);
    if (result == OK) {
        double value = expect_figure(expectation, one.measured);
        double limit = expect_limit(expectation, other.measured);
        /* Zeros of nothing would pass for a perfect service. */
        bool holds = one.measured->requests > 0 && other.measured->requests > 0 &&
                     expect_holds(expectation, value, limit);
        summary->verdicts[summary->verdict_count++] =
            (struct verdict){expectation, variant, value, limit, holds};
    }
    subject_release(&one);
    subject_release(&other);
    return result;
}

static bool is_asked_of(const struct expectation *expectation, size_t variant)
{
    if (expectation->variant >= 0)
        return (size_t)expectation->variant == variant;
    return expectation->against != (int)variant; /* of none against itself */
}

enum result judge_expectations(struct summary *summary, struct sqlite3 *db, struct error *error)
{
    const struct plan *plan = summary->plan;
    summary->verdicts =
        mem_alloc(plan->expectation_count * plan->variants.count + 1, sizeof(*summary->verdicts));
    enum result result = OK;
    for (size_t i = 0; i < plan->expectation_count && !summary->problem; i++)
        for (size_t variant = 0; variant < plan->variants.count && result == OK; variant++)
            if (is_asked_of(&plan->expectations[i], variant))
                result = judge_one(summary, &plan->expectations[i], variant, db, error);
    return result;
}
