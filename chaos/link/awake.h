/* SPDX-License-Identifier: MIT */
/* Staying awake for a moment behind traffic. A process that sleeps needs tens of microseconds to
 * wake where its core has gone idle, and a link sleeps twice in each exchange: until the request,
 * and until the response. The second sleep can be left out where the response comes soon, by
 * looking for events without waiting for them. That takes processor time, so it happens only behind
 * bytes that came after a quiet moment, never for longer than it was asked to, and seldom where it
 * has not paid off lately: who carries much traffic never does it. */
#ifndef TAILGATE_CHAOS_LINK_AWAKE_H
#define TAILGATE_CHAOS_LINK_AWAKE_H

#include "lib/base/clock.h"
#include "lib/net/loop.h"

/* A moment is quiet when it is so many times as long as the patience: a stay costs at most this
 * part of the time before it. */
enum { AWAKE_QUIET = 8 };

struct awake {
    struct loop *loop;
    struct turn turn;
    duration patience; /* how long it stays awake at most; 0: never */
    mono last;         /* when there was traffic */
    mono until;        /* not set: it is not staying awake */
    unsigned luck;     /* how many of AWAKE_LUCK stays met something, lately */
    unsigned passed;   /* chances that were let pass since the last stay */
};

enum { AWAKE_LUCK = 256 };

void awake_init(struct awake *awake, struct loop *loop, duration patience);
/* Harmless when it is not staying awake. Required before the memory goes. */
void awake_release(struct awake *awake);

/* There is traffic at this moment. */
void awake_note(struct awake *awake, mono now);

#endif
