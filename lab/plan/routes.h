/* SPDX-License-Identifier: MIT */
/* Routes that expectations and claims name: whether a gateway of the experiment has them. */
#ifndef TAILGATE_LAB_PLAN_ROUTES_H
#define TAILGATE_LAB_PLAN_ROUTES_H

#include "lab/plan/plan.h"

/* Refuses a figure "on ROUTE" when the variants that it is of have gateways of this program and
 * none of these has the route; the message names the known ones, without a place. Routes of other
 * programs are not known. The variants' gateways have been checked before. */
enum result routes_check(const struct plan *plan, const struct expectation *figure,
                         struct error *error) MUST_USE;

#endif
