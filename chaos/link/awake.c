/* SPDX-License-Identifier: MIT */
#include "chaos/link/awake.h"

#include <sched.h>

/* Below this luck only one chance in AWAKE_SELDOM is taken, to learn whether it has turned. */
enum { AWAKE_FAIR = AWAKE_LUCK / 2, AWAKE_SELDOM = 32, AWAKE_MEMORY = 16 };

static void stop(struct awake *awake, bool met)
{
    unsigned now = met ? AWAKE_LUCK : 0;
    awake->luck = (awake->luck * (AWAKE_MEMORY - 1) + now) / AWAKE_MEMORY;
    awake->until = (mono){0};
    turn_cancel(&awake->turn);
}

/* Each turn is a round of the loop, which looks for events and does not wait. */
static void on_turn(void *arg)
{
    struct awake *awake = arg;
    if (!mono_before(mono_now(), awake->until)) {
        stop(awake, false);
        return;
    }
    sched_yield(); /* whoever else wants this core, and may be who is waited for, comes first */
    turn_ask(&awake->turn, awake->loop);
}

static bool takes_chance(struct awake *awake)
{
    bool takes = awake->luck >= AWAKE_FAIR || ++awake->passed >= AWAKE_SELDOM;
    if (takes)
        awake->passed = 0;
    return takes;
}

void awake_note(struct awake *awake, mono now)
{
    int64_t quiet = mono_between(awake->last, now).ns;
    awake->last = now;
    if (mono_is_set(awake->until)) {
        stop(awake, true);
    } else if (quiet >= AWAKE_QUIET * awake->patience.ns && takes_chance(awake)) {
        awake->until = mono_add(now, awake->patience);
        turn_ask(&awake->turn, awake->loop);
    }
}

void awake_init(struct awake *awake, struct loop *loop, duration patience)
{
    *awake = (struct awake){.loop = loop, .patience = patience, .luck = AWAKE_LUCK};
    turn_init(&awake->turn, on_turn, awake);
}

void awake_release(struct awake *awake)
{
    turn_cancel(&awake->turn);
}
