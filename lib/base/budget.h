/* SPDX-License-Identifier: MIT */
/* What retries or hedges may cost: within the last ten seconds at most a share of the requests, and
 * a few in any case, unless the share is none at all. A balance that is earned by each request and
 * cut off at a few would be gone with the first connection that carried more requests than that; a
 * share of a stretch of time bears a burst, and still cannot let the load multiply. Pure: the
 * caller brings the clock. */
#ifndef TAILGATE_LIB_BASE_BUDGET_H
#define TAILGATE_LIB_BASE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/clock.h"

enum { BUDGET_SECONDS = 10, BUDGET_RESERVE = 10 };

/* Zeroed: nothing has been earned or spent. */
struct budget {
    int64_t second;                /* that the newest slot is of */
    double earned[BUDGET_SECONDS]; /* by second */
    uint32_t spent[BUDGET_SECONDS];
    double balance; /* of all slots, without the reserve */
};

/* A request: it allows `share` of a further try. */
void budget_earn(struct budget *budget, mono now, double share);

/* Takes one further try out of it, for a request with that share; false: there is none. */
bool budget_spend(struct budget *budget, mono now, double share);

#endif
