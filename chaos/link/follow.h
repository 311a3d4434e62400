/* SPDX-License-Identifier: MIT */
/* The requests on a pair: a dialog follows them for as long as its link has faults that are drawn
 * for requests, and asks those which they touch. */
#ifndef TAILGATE_CHAOS_LINK_FOLLOW_H
#define TAILGATE_CHAOS_LINK_FOLLOW_H

#include "chaos/link/pair.h"

/* Follows the pair's requests from now on, the one that is under way excepted. Harmless when it
 * does already, and when the link has no fault for requests. */
void follow_begin(struct pair *pair, mono now);

/* Stops when nobody needs it and nothing is under way. */
void follow_settle(struct pair *pair, mono now);

/* Stops. Must come before the pair's streams are released. */
void follow_end(struct pair *pair, mono now);

/* The fault touches the pair's requests no longer, or is about to change to what its link has put
 * in its place. */
void follow_let_go(struct pair *pair, struct live_fault *live, mono now);
void follow_fault_changed(struct pair *pair, struct live_fault *live, mono now);

#endif
