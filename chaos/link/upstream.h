/* SPDX-License-Identifier: MIT */
/* What the name of a link's upstream stands for. It is looked up without keeping anybody else
 * waiting: a DNS server that does not answer holds up the connections of that link alone. */
#ifndef TAILGATE_CHAOS_LINK_UPSTREAM_H
#define TAILGATE_CHAOS_LINK_UPSTREAM_H

#include "lib/net/resolver.h"

struct link;

/* Asks, unless that is under way or the address is known. When it has an answer, perhaps before
 * this returns, or none, the link's connections that wait for it go on. */
void upstream_look_up(struct link *link);

/* Nobody wants the answer any more. Harmless when nobody is asked. */
void upstream_abandon(struct link *link);

/* Its address could not be connected to: a name may stand for another one by now, or for several,
 * and is looked up again for the next connection. */
void upstream_failed(struct link *link);

#endif
