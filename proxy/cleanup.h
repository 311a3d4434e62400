/* SPDX-License-Identifier: MIT */
/* Deferred cleanup: releases are pushed as resources are acquired, with their argument captured
 * then, and run last in, first out when the whole exchange has ended. Each entry is a real
 * allocation, as a deferred call is in the languages that have them. */
#ifndef TAILGATE_PROXY_CLEANUP_H
#define TAILGATE_PROXY_CLEANUP_H

typedef void cleanup_release(void *arg);

struct cleanup_entry;

struct cleanup_stack {
    struct cleanup_entry *top;
};

void cleanup_push(struct cleanup_stack *stack, cleanup_release *release, void *arg);

/* Runs and frees every entry; harmless on an empty stack. */
void cleanup_run(struct cleanup_stack *stack);

#endif
