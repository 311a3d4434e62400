/* SPDX-License-Identifier: MIT */
#include "lab/result/subject.h"

#include "lab/result/summary_inside.h"
#include "lab/result/summary_route.h"

enum result subject_read(struct subject *subject, const struct summary *summary,
                         const struct expectation *figure, size_t variant, int64_t round,
                         struct sqlite3 *db, struct error *error)
{
    *subject = (struct subject){.measured = &summary->variants[variant]};
    if (figure->route[0]) {
        subject->measured = &subject->own;
        summary_route_count(&subject->own, summary->exchanges, variant, round, figure->route);
        return OK;
    }
    bool inside = expect_is_inside(figure);
    if (round < 0 && !inside)
        return OK;
    subject->measured = &subject->own;
    enum result result =
        summary_read_part(&subject->own, summary->exchanges, variant, round, db, error);
    if (result == OK && inside)
        result = summary_inside_read(&subject->own.inside, variant, round, db, error);
    return result;
}

void subject_release(struct subject *subject)
{
    hist_free(&subject->own.latency);
    hist_free(&subject->own.lag);
}
