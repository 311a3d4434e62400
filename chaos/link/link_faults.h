/* SPDX-License-Identifier: MIT */
/* The faults on a link, for the link itself; what others may call is in link.h. */
#ifndef TAILGATE_CHAOS_LINK_LINK_FAULTS_H
#define TAILGATE_CHAOS_LINK_LINK_FAULTS_H

#include "chaos/link/link.h"

/* Begins and ends what is due, on all connections, and sets the alarm for the next time. */
void link_turn(struct link *link, mono now);
/* The same, as the link's alarm calls it. */
void link_on_alarm(void *link);

/* Opens or closes the gate, as faults and waiting connections have it. */
void link_turn_gate(struct link *link, mono now);
/* The link is about to close its listener. */
void link_gate_closes(struct link *link);

/* Whether a fault refuses a new connection; it is reset then. A socket cannot choose whom to
 * refuse.
 */
bool link_refuses(struct link *link, int fd, uint64_t ordinal, mono now);

/* Lets faults touch a new connection; the result is how long it is kept from being accepted. */
duration link_touch_new(struct link *link, struct pair *pair, mono now);

/* The times of those whose times do not count yet count from then. */
void link_start_faults(struct link *link, mono epoch);

/* Frees all of them; the link is going. */
void link_drop_faults(struct link *link);

#endif
