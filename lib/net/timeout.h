/* SPDX-License-Identifier: MIT */
/* Deadlines of many objects that all last equally long (every response timeout of one upstream).
 * They stand in a queue in the order they were armed, which is the order they expire, so arming and
 * cancelling are a list operation each, and the loop's timer is set again only when it fires. */
#ifndef TAILGATE_LIB_NET_TIMEOUT_H
#define TAILGATE_LIB_NET_TIMEOUT_H

#include "lib/base/list.h"
#include "lib/net/loop.h"

struct timeout_queue {
    struct list waiting;
    struct timer timer;
    duration after; /* zero: arming does nothing, the timeout is off */
};

struct timeout {
    struct list node;
    mono deadline;
    loop_call *call;
    void *arg;
};

void timeout_queue_init(struct timeout_queue *queue, struct loop *loop, duration after);
void timeout_queue_release(struct timeout_queue *queue);

void timeout_init(struct timeout *timeout, loop_call *call, void *arg);

/* Arms it to expire `queue->after` after `now`; an armed one is moved, also from another queue. */
void timeout_arm(struct timeout_queue *queue, struct timeout *timeout, mono now);
void timeout_cancel(struct timeout *timeout);

/* What waits in `from` waits in `to` instead, as if it had been armed there at the same moment.
 * `to` is empty and of the same loop; when it is off, so are they. */
void timeout_queue_move(struct timeout_queue *to, struct timeout_queue *from);

/* As timeout_arm, for a wait of its own length instead of the queue's; only for queues whose waits
 * differ. Takes as many steps as there are later deadlines. */
void timeout_arm_for(struct timeout_queue *queue, struct timeout *timeout, mono now,
                     duration after);

/* Each takes the other's place and deadline; one that is not armed leaves the other unarmed. What
 * they call stays their own. */
void timeout_swap(struct timeout *a, struct timeout *b);

static inline bool timeout_armed(const struct timeout *timeout)
{
    return !list_empty(&timeout->node);
}

#endif
