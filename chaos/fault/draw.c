/* SPDX-License-Identifier: MIT */
#include "chaos/fault/draw.h"

void draw_stream(struct rng *rng, uint64_t seed, const char *name, uint64_t ordinal,
                 enum draw_purpose purpose)
{
    rng_init_stream(rng, seed, name, ordinal * DRAW_PURPOSE_COUNT + purpose);
}

double draw_position(uint64_t seed, const char *name, uint64_t ordinal)
{
    struct rng rng;
    draw_stream(&rng, seed, name, ordinal, DRAW_TOUCH);
    return rng_unit(&rng);
}

bool draw_touches(uint64_t seed, const char *name, uint64_t ordinal, double share)
{
    return draw_position(seed, name, ordinal) < share;
}
