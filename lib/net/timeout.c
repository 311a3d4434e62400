/* SPDX-License-Identifier: MIT */
#include "lib/net/timeout.h"

static void run_expired(void *arg)
{
    struct timeout_queue *queue = arg;
    mono now = mono_now();
    for (struct list *node; (node = list_first(&queue->waiting));) {
        struct timeout *timeout = list_entry(node, struct timeout, node);
        if (mono_before(now, timeout->deadline)) {
            timer_start(&queue->timer, mono_between(now, timeout->deadline));
            return;
        }
        list_remove(node);
        timeout->call(timeout->arg);
    }
}

void timeout_queue_init(struct timeout_queue *queue, struct loop *loop, duration after)
{
    list_init(&queue->waiting);
    timer_init(&queue->timer, loop, run_expired, queue);
    queue->after = after;
}

void timeout_queue_release(struct timeout_queue *queue)
{
    timer_stop(&queue->timer);
}

void timeout_init(struct timeout *timeout, loop_call *call, void *arg)
{
    list_init(&timeout->node);
    timeout->call = call;
    timeout->arg = arg;
}

void timeout_arm(struct timeout_queue *queue, struct timeout *timeout, mono now)
{
    list_remove(&timeout->node);
    if (queue->after.ns <= 0)
        return;
    timeout->deadline = mono_add(now, queue->after);
    list_push_back(&queue->waiting, &timeout->node);
    /* A timer that already runs was set for an earlier deadline, even if that one was cancelled. */
    if (!timer_running(&queue->timer))
        timer_start(&queue->timer, queue->after);
}

void timeout_cancel(struct timeout *timeout)
{
    list_remove(&timeout->node);
}

void timeout_queue_move(struct timeout_queue *to, struct timeout_queue *from)
{
    for (struct list *node; (node = list_pop_front(&from->waiting));) {
        struct timeout *timeout = list_entry(node, struct timeout, node);
        mono armed = {timeout->deadline.ns - from->after.ns};
        timeout_arm(to, timeout, armed);
    }
    struct list *first = list_first(&to->waiting);
    if (first)
        timer_start(&to->timer,
                    mono_between(mono_now(), list_entry(first, struct timeout, node)->deadline));
}

void timeout_arm_for(struct timeout_queue *queue, struct timeout *timeout, mono now, duration after)
{
    list_remove(&timeout->node);
    timeout->deadline = mono_add(now, after);
    struct list *at = &queue->waiting;
    while (at->prev != &queue->waiting &&
           mono_before(timeout->deadline, list_entry(at->prev, struct timeout, node)->deadline))
        at = at->prev;
    list_insert_before(at, &timeout->node);
    if (list_first(&queue->waiting) == &timeout->node)
        timer_start(&queue->timer, after);
}

static void take_place(struct list *node, struct list *of)
{
    if (list_empty(of))
        return;
    list_insert_before(of, node);
    list_remove(of);
}

void timeout_swap(struct timeout *a, struct timeout *b)
{
    struct list aside;
    mono deadline = a->deadline;
    list_init(&aside);
    take_place(&aside, &a->node);
    take_place(&a->node, &b->node);
    take_place(&b->node, &aside);
    a->deadline = b->deadline;
    b->deadline = deadline;
}
