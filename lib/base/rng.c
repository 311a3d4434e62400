/* SPDX-License-Identifier: MIT */
#include "lib/base/rng.h"

/* One step of splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
 * 2014): a counter and a mixing function that spreads every bit over the whole word. */
static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static uint64_t rotate_left(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

void rng_init(struct rng *rng, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        rng->s[i] = splitmix64(&seed);
}

/* FNV-1a over the name, with its end, so that each name has a number of its own. */
static uint64_t hash_name(const char *name)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    const char *p = name;
    do {
        hash = (hash ^ (unsigned char)*p) * UINT64_C(0x100000001B3);
    } while (*p++);
    return hash;
}

/* Mixed after each part: a plain sum or xor of the parts would let two of them cancel out. */
void rng_init_stream(struct rng *rng, uint64_t seed, const char *purpose, uint64_t index)
{
    uint64_t state = seed;
    state = splitmix64(&state) ^ hash_name(purpose);
    state = splitmix64(&state) ^ index;
    rng_init(rng, splitmix64(&state));
}

uint64_t rng_next(struct rng *rng)
{
    uint64_t *s = rng->s;
    uint64_t result = rotate_left(s[0] + s[3], 23) + s[0];
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

double rng_unit(struct rng *rng)
{
    return (double)(rng_next(rng) >> 11) * 0x1p-53;
}

/* Draws again in the part of the range that would make small numbers likelier. */
uint64_t rng_below(struct rng *rng, uint64_t bound)
{
    uint64_t uneven = (UINT64_MAX - bound + 1) % bound; /* 2^64 mod bound */
    uint64_t x;
    do {
        x = rng_next(rng);
    } while (x < uneven);
    return x % bound;
}
