/* SPDX-License-Identifier: MIT */
/* The timeout ladder: of the client, the gateway and the backend, who gives a request up first, and
 * for how long the backend works on when nobody waits any more. Pure arithmetic. */
#ifndef TAILGATE_LAB_ANALYSIS_LADDER_H
#define TAILGATE_LAB_ANALYSIS_LADDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a request ended: answered, given up by one of the three, or failed otherwise. */
enum ladder_end {
    LADDER_ANSWERED,
    LADDER_BACKEND,
    LADDER_GATEWAY,
    LADDER_CLIENT,
    LADDER_OTHER,
    LADDER_END_COUNT
};

/* What a backend did for a request (once more for each further try of it). */
struct ladder_work {
    int64_t started, ended; /* ns, on the clock that all processes share */
    int64_t held;           /* ns of it that it worked or held what others wait for */
};

struct ladder {
    uint64_t ends[LADDER_END_COUNT];
    double held;    /* ns, of all requests */
    double in_vain; /* of that: for requests whose clients got no good answer */
    double unheard; /* of that: after the client had gone */
};

/* A request of the load generator that ended so. */
void ladder_add_request(struct ladder *ladder, enum ladder_end end);

/* Work for a request that ended so, whose client was done with it at `done`. Work is taken to have
 * been done last: what comes first is waiting for it. */
void ladder_add_work(struct ladder *ladder, const struct ladder_work *work, enum ladder_end end,
                     int64_t done);

/* Whether each gives up before the one that waits for it: backend, gateway, client. */
bool ladder_is_in_order(int64_t client, int64_t gateway, int64_t backend);

#endif
