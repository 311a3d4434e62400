/* SPDX-License-Identifier: MIT */
/* What an expectation or a claim is about: the figures of a variant, of one route of it, of one
 * round. */
#ifndef TAILGATE_LAB_RESULT_SUBJECT_H
#define TAILGATE_LAB_RESULT_SUBJECT_H

#include "lab/result/summary.h"

struct subject {
    const struct variant_summary *measured;
    struct variant_summary own; /* what `measured` points to, when the summary has not got it */
};

/* `round` is -1 for all rounds. Release it, whatever the result. */
enum result subject_read(struct subject *subject, const struct summary *summary,
                         const struct expectation *figure, size_t variant, int64_t round,
                         struct sqlite3 *db, struct error *error) MUST_USE;
void subject_release(struct subject *subject);

#endif
