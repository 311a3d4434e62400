/* SPDX-License-Identifier: MIT */
/* The gateway's own answers. */
#ifndef TAILGATE_PROXY_REQUEST_ANSWER_H
#define TAILGATE_PROXY_REQUEST_ANSWER_H

#include "proxy/request/exchange.h"

/* Answers instead of the upstream and begins to deliver. May end the exchange. */
void answer(struct exchange *exchange, int status, enum cause cause, const char *detail);

#endif
