/* SPDX-License-Identifier: MIT */
/* What a run says of its claims: the value of the middle round with the range over all of them, and
 * whether the claim holds; or why the data do not carry one. Where single rounds say too little, it
 * is the value over all of them together. */
#ifndef TAILGATE_LAB_RESULT_CLAIM_RESULT_H
#define TAILGATE_LAB_RESULT_CLAIM_RESULT_H

#include "lab/result/claim.h"
#include "lab/result/summary.h"

/* Identifier, text. It holds when it does in every round. */
#define CLAIM_VERDICTS(X)             \
    X(WITHHELD, "withheld")           \
    X(HOLDS, "holds")                 \
    X(DOES_NOT_HOLD, "does not hold") \
    X(ROUNDS_DIFFER, "rounds differ")
#define CLAIM_VERDICT_ENUM(id, text) CLAIM_##id,
enum claim_verdict { CLAIM_VERDICTS(CLAIM_VERDICT_ENUM) CLAIM_VERDICT_COUNT };
#undef CLAIM_VERDICT_ENUM

struct claim_result {
    const struct claim *claim;
    enum claim_verdict verdict;
    double value;
    double figures[2]; /* of its sides */
    size_t rounds;     /* from which the range is; 0 = there is none */
    const char *over;  /* what a verdict without a range is about: " over ..."; NULL */
    double low, high;
    char reason[240]; /* why the value is withheld, or the range; "" */
};

/* Reads all of the plan's claims; free the array. */
enum result claim_results_read(struct claim_result **results, const struct summary *summary,
                               struct sqlite3 *db, struct error *error) MUST_USE;

/* The list `claims` of summary.json. */
struct cJSON *claim_results_json(const struct claim_result *results, size_t count);

#endif
