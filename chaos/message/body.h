/* SPDX-License-Identifier: MIT */
/* What faults do within the body of a response. For the dialog alone. */
#ifndef TAILGATE_CHAOS_MESSAGE_BODY_H
#define TAILGATE_CHAOS_MESSAGE_BODY_H

#include "chaos/message/inside.h"

/* Whether a fault of the turn does anything within its response's body. */
bool body_is_touched(const struct turn *turn);

/* The response has a body of that framing: what the faults will do is settled. Called before its
 * head is written. */
void body_begin(const struct way *way, struct turn *turn);

/* Takes the first part of the piece, up to the end of a run of content, and returns the rest.
 * `*problem` is set when the body cannot be followed; the piece is returned whole then. */
struct piece *body_take(struct way *way, struct turn *turn, struct piece *piece,
                        const char **problem);

/* The body has come in whole: what cannot go on behind it ends here (way->state is WAY_DEAF then).
 */
void body_end(struct way *way, struct turn *turn, mono now);

/* The fault lets go of the turn: what it held goes on. */
void body_let_go(struct way *way, const struct turn_touch *touch);

#endif
