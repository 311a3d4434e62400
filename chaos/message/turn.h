/* SPDX-License-Identifier: MIT */
/* A request of a dialog with its response, and the faults that touch them. For the dialog alone. */
#ifndef TAILGATE_CHAOS_MESSAGE_TURN_H
#define TAILGATE_CHAOS_MESSAGE_TURN_H

#include "chaos/message/dialog.h"

#define TURN_NO_LENGTH UINT64_MAX

/* A fault that touches a request. */
struct turn_touch {
    struct list node; /* in its turn, in the order in which the owner named them */
    const struct fault_config *fault;
    struct rng rng;
    struct dialog_touched touched;
    bool spent; /* what it does within a body is done */
};

struct turn {
    struct list node; /* in its dialog, in the order of the requests */
    uint64_t number;
    struct list touches;
    bool is_head;     /* HEAD: the response has no body */
    bool is_connect;  /* CONNECT: a 2xx makes a tunnel of the connection */
    bool own;         /* the response comes from here, and the upstream sees nothing of it */
    bool closing;     /* own: the connection is closed behind it */
    bool hasty;       /* own: it does not wait for the end of the request */
    bool sent;        /* the request has come in whole */
    bool answered;    /* the response has come in whole, or was written */
    int status;       /* own: what it says */
    bool chunked;     /* the response's body is */
    bool spoilt;      /* a chunk of it went on without a size */
    bool rechunks;    /* its body is not, and becomes so here */
    uint64_t length;  /* of its content; TURN_NO_LENGTH: nobody knows */
    uint64_t content; /* bytes of it that have come */
    uint64_t passed;  /* of them, those that went on, where a share does */
    struct dialog_touched seen; /* what touches begin with */
};

struct turn *turn_new(const struct http_head *head, uint64_t number);
/* It must not be touched any more. */
void turn_free(struct turn *turn);

void turn_touch(struct turn *turn, unsigned id, const struct fault_config *fault, uint64_t key,
                const struct rng *rng, mono now);
/* The first touch of that kind, or NULL. */
struct turn_touch *turn_find(const struct turn *turn, enum fault_kind kind);
static inline bool turn_is_touched(const struct turn *turn)
{
    return !list_empty(&turn->touches);
}

static inline struct turn_touch *turn_touch_at(struct list *node)
{
    return list_entry(node, struct turn_touch, node);
}

/* A length of the fault's, drawn for the request; a replayed file is read at the request's key. */
duration turn_draw(struct turn_touch *touch, const struct dist *dist);

/* How long a fault on messages holds what it holds, drawn for the request. Not below zero; for a
 * stall that never ends, TURN_FOR_EVER. */
#define TURN_FOR_EVER INT64_MAX
int64_t turn_wait(struct turn_touch *touch);

#endif
