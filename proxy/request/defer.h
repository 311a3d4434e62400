/* SPDX-License-Identifier: MIT */
/* Deferred cleanup: releases are pushed as resources are acquired, with their argument captured
 * then, and run last in, first out when the whole exchange has ended. Each entry is a real
 * allocation, as a deferred call is in the languages that have them. */
#ifndef TAILGATE_PROXY_REQUEST_DEFER_H
#define TAILGATE_PROXY_REQUEST_DEFER_H

typedef void defer_release(void *arg);

struct defer_entry;

struct defer_stack {
    struct defer_entry *top;
};

void defer_push(struct defer_stack *stack, defer_release *release, void *arg);

/* Runs and frees every entry; harmless on an empty stack. */
void defer_run(struct defer_stack *stack);

#endif
