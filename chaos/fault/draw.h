/* SPDX-License-Identifier: MIT */
/* Which connections and requests a fault touches: a function of the seed, the fault's name and the
 * ordinal alone, never of time or of what else was drawn. */
#ifndef TAILGATE_CHAOS_FAULT_DRAW_H
#define TAILGATE_CHAOS_FAULT_DRAW_H

#include <stdbool.h>

#include "lib/base/rng.h"
#include "lib/http/head.h"

/* What the random numbers of one pair of fault and ordinal are for. */
enum draw_purpose { DRAW_TOUCH, DRAW_UPSTREAM, DRAW_DOWNSTREAM, DRAW_PURPOSE_COUNT };

/* What stands for a request in place of an ordinal: a hash of its trace id where it has a valid
 * traceparent, so that two runs whose clients send the same trace ids fault the same requests in
 * whatever order they come, and on whatever connection, link or worker; else its number where it
 * passes. Requests of one trace have one key, a repeated try among them. */
uint64_t draw_key(const struct http_head *head, uint64_t number);
/* The same, when it has a valid trace id; false otherwise. */
bool draw_trace_key(const struct http_head *head, uint64_t *key);

/* What try `number` (from 1) of that request draws by: a further one has draws of its own, for that
 * it is made again, or elsewhere, is to help. */
uint64_t draw_key_of_try(uint64_t key, uint64_t number);

/* Where the ordinal stands among all, in [0, 1): a fault touches those below its share. One that is
 * touched at a share is touched at every larger one. */
double draw_position(uint64_t seed, const char *name, uint64_t ordinal);

/* A share of 0 touches none, of 1 all. */
bool draw_touches(uint64_t seed, const char *name, uint64_t ordinal, double share);

/* The stream of random numbers of a pair, from which lengths are drawn. */
void draw_stream(struct rng *rng, uint64_t seed, const char *name, uint64_t ordinal,
                 enum draw_purpose purpose);

#endif
