/* SPDX-License-Identifier: MIT */
/* Draws the consequences of how tries end: tells the balance of requests under way and of response
 * times. */
#ifndef TAILGATE_PROXY_GUARD_H
#define TAILGATE_PROXY_GUARD_H

#include "proxy/exchange.h"

/* The exchange's current try has begun. */
void guard_begin(struct exchange *exchange);

/* It has ended. Does nothing the second time. */
void guard_settle(struct exchange *exchange, enum cause outcome);

#endif
