/* SPDX-License-Identifier: MIT */
/* A dialog from within. */
#ifndef TAILGATE_CHAOS_MESSAGE_INSIDE_H
#define TAILGATE_CHAOS_MESSAGE_INSIDE_H

#include "chaos/message/way.h"

/* What versions of messages begin with. */
#define DIALOG_VERSION "HTTP/1."

struct dialog {
    struct way up, down;
    const struct dialog_events *events;
    void *owner;
    struct list turns; /* oldest first */
    struct turn *asking;
    uint64_t requests;
    bool started; /* a request has come: what comes down answers one */
    bool lost;    /* everything passes untouched from now on */
};

/* The two directions take a piece in; stage_ops.admit. */
bool request_admit(struct stage *stage, struct piece *piece);
bool response_admit(struct stage *stage, struct piece *piece);

/* Nobody knows any more what the bytes are. What was gathered goes on. */
void dialog_lose(struct dialog *dialog, mono now);

/* The oldest request that was not answered yet, or NULL. */
struct turn *dialog_waiting(const struct dialog *dialog);
/* The request that is coming in. */
struct turn *dialog_latest(const struct dialog *dialog);

/* The whole response of a request has come in: it is over once that has gone on. */
void dialog_answered(struct dialog *dialog, struct turn *turn, mono now);
/* The same, and the connection ends behind what is there of it: PIECE_CUT or PIECE_RESET. */
void dialog_cut(struct dialog *dialog, struct turn *turn, enum piece_kind kind, mono now);
/* A mark has gone on. */
void dialog_passed(struct dialog *dialog, uint64_t number, mono now);

/* Answers what is to be answered from here, as soon as it is its turn. */
void dialog_settle(struct dialog *dialog, mono now);

/* Both ends have come: what stands still for ever would do so for nobody. */
void dialog_ended(struct dialog *dialog);

#endif
