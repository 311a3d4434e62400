/* SPDX-License-Identifier: MIT */
/* What is missing from the records of a variant, by what else counted them: the load generator's
 * tally, the clients that have a response, and the tries that the gateway's requests say they made.
 * Of a whole run nothing is missing. */
#ifndef TAILGATE_LAB_COMPARE_LOST_RECORDS_H
#define TAILGATE_LAB_COMPARE_LOST_RECORDS_H

#include "lab/analysis/outcomes.h"
#include "lab/read/recorded_run.h"

/* With a larger share missing nothing is said: what is gone may be what differs. */
#define LOST_RECORDS_MOST 0.01

enum lost_kind { LOST_CLIENTS, LOST_REQUESTS, LOST_ATTEMPTS, LOST_KIND_COUNT };

/* How many there should be of each kind, and how many there are. */
struct lost_records {
    uint64_t counted[LOST_KIND_COUNT], recorded[LOST_KIND_COUNT];
};

/* `outcomes` are those of the variant, all rounds of them. What the database of another version
 * does not count is left out. */
enum result lost_records_read(struct lost_records *lost, const struct outcomes *outcomes,
                              const struct recorded_run *run, int variant,
                              struct error *error) MUST_USE;

/* The largest share that is missing of a kind. */
double lost_records_share(const struct lost_records *lost);

/* "612 of 1300 tries": the kind of which most is missing. Returns `out`; "" when nothing is. */
const char *lost_records_say(const struct lost_records *lost, char *out, size_t size);

#endif
