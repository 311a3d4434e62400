/* SPDX-License-Identifier: MIT */
/* Heads as faults make them. For the dialog alone. */
#ifndef TAILGATE_CHAOS_MESSAGE_REWRITE_H
#define TAILGATE_CHAOS_MESSAGE_REWRITE_H

#include "chaos/message/way.h"

/* Puts the head that was gathered as the turn's faults make it, one after the other in their order;
 * what makes it unreadable comes last. A response whose body is about to be chunked here
 * (turn->rechunks) says so. A head that no fault changes goes on as it came. */
void rewrite_put(struct way *way, const struct turn *turn, bool response, mono now);

#endif
