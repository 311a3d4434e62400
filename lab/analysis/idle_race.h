/* SPDX-License-Identifier: MIT */
/* The keep-alive race: pooled connections that were used again, by how long they had been idle, and
 * which of these uses were lost because the other end closed in the same moment. Pure arithmetic.
 *
 * An endpoint closes after a fixed idle time; the news of it and the next request cross on their
 * way within a window as wide as a round trip (and as uneven as the two processes' wake-ups).
 * Requests fall into a window that short as good as evenly, so the ages of those that are lost are
 * a sample of a uniform distribution whose ends nobody knows. Of n such ages with range R, the
 * lower end lies above the youngest less R (0.05^(-1/(n-1)) - 1) with 95 % confidence: the range of
 * n uniform draws and what lies below the least of them have a ratio with exactly that quantile. */
#ifndef TAILGATE_LAB_ANALYSIS_IDLE_RACE_H
#define TAILGATE_LAB_ANALYSIS_IDLE_RACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reuse {
    int64_t idle; /* ns that the connection had been idle */
    bool lost;
};

enum {
    IDLE_RACE_LEAST_LOST = 8, /* fewer say little about where losses begin */
    IDLE_RACE_LEAST_NEAR = 30 /* uses between half of the safe age and it, before it is called so */
};

enum idle_race_verdict {
    IDLE_RACE_SAFE,       /* there is an age below which none was lost */
    IDLE_RACE_NO_LOSS,    /* none was lost at all */
    IDLE_RACE_FEW_LOST,   /* some were, too few to say from which age on */
    IDLE_RACE_EVERYWHERE, /* they are spread over all ages: no idle timer does that */
    IDLE_RACE_UNTRIED     /* hardly a connection was used again shortly below that age */
};

struct idle_race {
    enum idle_race_verdict verdict;
    size_t reuses, lost;
    int64_t first_lost, last_lost; /* idle ages, ns */
    int64_t last_kept;             /* the longest idle time that was no harm */
    int64_t margin;                /* what the sample of losses may have missed, ns */
    int64_t safe;                  /* ns; first_lost less margin and slack, rounded down */
    size_t below;                  /* uses up to the safe age; none of them was lost */
    double below_most;             /* their share of losses is below this with 95 % confidence */
};

/* Sorts `reuses` by age. `slack` is by how much connections are kept idle longer than they should
 * be. */
void idle_race_judge(struct idle_race *race, struct reuse *reuses, size_t count, int64_t slack);

/* One bar of a histogram by idle age. */
struct idle_race_class {
    int64_t from, to; /* ns */
    size_t reuses, lost;
};

#define IDLE_RACE_CLASSES 40

/* Classes of equal, round width from zero to a little beyond the last loss, or else to the longest
 * age; what is older is in the last one. `reuses` are sorted. Returns how many classes there are.
 */
size_t idle_race_classify(struct idle_race_class classes[IDLE_RACE_CLASSES],
                          const struct reuse *reuses, size_t count);

/* The share that `none of count` leaves possible, with 95 % confidence (Clopper and Pearson 1934).
 */
double share_at_most_when_none(size_t count);

#endif
