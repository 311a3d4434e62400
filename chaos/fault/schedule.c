/* SPDX-License-Identifier: MIT */
#include "chaos/fault/schedule.h"

#include "lib/base/units.h"

enum draw { DRAW_LASTING, DRAW_INTERVAL, DRAW_COUNT };

/* Each draw of each occurrence has a generator (and a place in a replayed file) of its own: what
 * one of them takes cannot move another. */
static duration draw(const struct schedule *schedule, struct dist dist, enum draw which)
{
    struct rng rng;
    rng_init_stream(&rng, schedule->seed, schedule->name, schedule->ordinal * DRAW_COUNT + which);
    if (dist.kind == DIST_REPLAY)
        dist.cursor = schedule->ordinal % dist.point_count;
    return dist_sample(&dist, &rng);
}

static bool has_next(const struct schedule *schedule)
{
    if (schedule->count > 0 && schedule->ordinal >= schedule->count)
        return false;
    if (schedule->ordinal > 0 && dist_is_zero(&schedule->every))
        return false;
    /* Nothing runs for longer than the longest duration; it also keeps the sum from overflowing. */
    int64_t until = schedule->until.ns > 0 ? schedule->until.ns : DURATION_LONGEST_NS;
    return schedule->next.ns < until;
}

void schedule_rewind(struct schedule *schedule)
{
    schedule->ordinal = 0;
    schedule->next = schedule->from;
}

bool schedule_next(struct schedule *schedule, struct occurrence *occurrence)
{
    if (!has_next(schedule))
        return false;
    *occurrence = (struct occurrence){
        .ordinal = schedule->ordinal,
        .at = schedule->next,
        .lasting = draw(schedule, schedule->lasting, DRAW_LASTING),
    };
    int64_t interval = draw(schedule, schedule->every, DRAW_INTERVAL).ns;
    int64_t lasting = occurrence->lasting.ns;
    schedule->next.ns += interval > lasting ? interval : lasting;
    schedule->ordinal++;
    return true;
}
