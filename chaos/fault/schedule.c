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

/* Whether there is another one, its time and the count left aside. */
static bool repeats(const struct schedule *schedule)
{
    if (schedule->entry_count > 0)
        return schedule->loops || schedule->ordinal < schedule->entry_count;
    return schedule->ordinal == 0 || !dist_is_zero(&schedule->every);
}

static bool has_next(const struct schedule *schedule)
{
    if (schedule->count > 0 && schedule->ordinal >= schedule->count)
        return false;
    if (!repeats(schedule))
        return false;
    /* Nothing runs for longer than the longest duration; it also keeps the sum from overflowing. */
    int64_t until = schedule->until.ns > 0 ? schedule->until.ns : DURATION_LONGEST_NS;
    return schedule->next.ns < until;
}

static const struct schedule_entry *entry(const struct schedule *schedule)
{
    return &schedule->entries[schedule->ordinal % schedule->entry_count];
}

void schedule_rewind(struct schedule *schedule)
{
    schedule->ordinal = 0;
    schedule->next = schedule->from;
    if (schedule->entry_count > 0)
        schedule->next.ns += schedule->entries[0].at.ns;
}

/* From the start of one entry to the start of the next. Behind the last one they start over. */
static int64_t distance(const struct schedule_entry *from, const struct schedule_entry *to)
{
    return to > from ? to->at.ns - from->at.ns : from->lasting.ns + to->at.ns;
}

static void next_entry(struct schedule *schedule, struct occurrence *occurrence)
{
    const struct schedule_entry *from = entry(schedule);
    *occurrence = (struct occurrence){
        .ordinal = schedule->ordinal, .at = schedule->next, .lasting = from->lasting};
    schedule->ordinal++;
    schedule->next.ns += distance(from, entry(schedule));
}

bool schedule_next(struct schedule *schedule, struct occurrence *occurrence)
{
    if (!has_next(schedule))
        return false;
    if (schedule->entry_count > 0) {
        next_entry(schedule, occurrence);
        return true;
    }
    *occurrence = (struct occurrence){
        .ordinal = schedule->ordinal,
        .at = schedule->next,
        .lasting = draw(schedule, schedule->lasting, DRAW_LASTING),
    };
    int64_t interval = draw(schedule, schedule->every, DRAW_INTERVAL).ns;
    if (interval < SCHEDULE_EVERY_LEAST.ns)
        interval = SCHEDULE_EVERY_LEAST.ns;
    int64_t lasting = occurrence->lasting.ns;
    schedule->next.ns += interval > lasting ? interval : lasting;
    schedule->ordinal++;
    return true;
}
