/* SPDX-License-Identifier: MIT */
/* Writes down what goes on for a while, such as a limit that refuses requests, in two records,
 * however often it happens in between: one when it begins, and one when it has not happened for a
 * second, with the moment it happened last and how often it did. A timer sees to the end. */
#ifndef TAILGATE_PROXY_OBSERVE_EPISODES_H
#define TAILGATE_PROXY_OBSERVE_EPISODES_H

#include "proxy/observe/journal.h"
#include "proxy/rules/episode.h"
#include "proxy/worker/realm.h"

/* It has happened. `begun` is the kind of the first record, which says `value`; the last one's kind
 * follows from it. The episode is part of what the realm's generation shares with others. */
void episodes_note(struct realm *realm, struct episode *episode, enum state_kind begun,
                   uint16_t subject, uint64_t value);

/* As episodes_note; it is not over as long as `waiting`, a part of the same, is positive. */
void episodes_note_waiting(struct realm *realm, struct episode *episode, enum state_kind begun,
                           uint16_t subject, uint64_t value, atomic_int *waiting);

/* The realm ends: the worker's current one sees to the episodes of what goes on there. The others
 * are over, and so are all with the worker's last realm. */
void episodes_hand_over(struct realm *realm);

#endif
