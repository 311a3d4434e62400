/* SPDX-License-Identifier: MIT */
/* A seeded generator of random numbers: the same seed gives the same stream on every machine.
 * xoshiro256++ (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021),
 * seeded by splitmix64. Not for secrets. */
#ifndef TAILGATE_LIB_BASE_RNG_H
#define TAILGATE_LIB_BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t s[4];
};

void rng_init(struct rng *rng, uint64_t seed);

/* An independent stream for one purpose: a function of the seed, of the purpose's name and of an
 * index (a variant's round, a fault's ordinal), so that no draw depends on what else was drawn. */
void rng_init_stream(struct rng *rng, uint64_t seed, const char *purpose, uint64_t index);

uint64_t rng_next(struct rng *rng);

/* Uniform in [0, 1), from the upper 53 bits. */
double rng_unit(struct rng *rng);

/* Uniform in 0..bound-1 without bias; bound must not be 0. */
uint64_t rng_below(struct rng *rng, uint64_t bound);

#endif
