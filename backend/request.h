/* SPDX-License-Identifier: MIT */
/* A request on its way through the steps of its handler. */
#ifndef TAILGATE_BACKEND_REQUEST_H
#define TAILGATE_BACKEND_REQUEST_H

#include "backend/cleanup.h"
#include "backend/config.h"
#include "backend/phases.h"
#include "lib/base/list.h"
#include "lib/net/loop.h"
#include "lib/record/tables.h"
#include "lib/serve/serve.h"

struct service;

#define REQUEST_STATES(X)                                                                        \
    X(RUNNING, "running")   /* its steps are being run */                                        \
    X(QUEUED, "queued")     /* in line for a resource */                                         \
    X(READY, "ready")       /* it has got the resource and goes on in this round of the loop */  \
    X(SLEEPING, "sleeping") /* in an io step */                                                  \
    X(HANGING, "hanging")   /* never goes on: a `fail` step said so */                           \
    X(SETTLING, "settling") /* the handler has ended; the exchange has not, or cleanup is due */ \
    X(ENDED, "ended")

#define REQUEST_STATE_ENUM(id, name) REQUEST_##id,
enum request_state { REQUEST_STATES(REQUEST_STATE_ENUM) REQUEST_STATE_COUNT };
#undef REQUEST_STATE_ENUM

/* Where the response is. */
enum delivery {
    DELIVERY_NONE,    /* not begun */
    DELIVERY_WRITING, /* the socket has not accepted all of it */
    DELIVERY_WRITTEN, /* it has */
    DELIVERY_OVER,    /* the client has taken it, or is gone */
};

/* A list of steps being walked: the handler's own, and one for each loop around. */
struct request_frame {
    const struct conf_list *steps;
    size_t at;     /* the next one */
    int64_t turns; /* loops: the current one and those that follow */
};

struct request {
    struct list node; /* in service->requests */
    struct list turn; /* in a resource's line, or in service->ready */
    struct service *service;
    struct serve_conn *conn;
    const struct handler_config *handler;
    enum request_state state;
    enum delivery delivery;
    struct request_frame frames[LOOP_DEPTH + 1];
    unsigned depth;     /* of loops */
    size_t waits_for;   /* QUEUED: the resource */
    int64_t slots_held; /* of all resources */
    struct phases phases;
    struct served_record served; /* what is recorded of it, when requests are */
    struct rng rng;              /* a function of the seed, the process and the request's ordinal */
    struct cleanup cleanup;
    struct heap_object *objects; /* what it allocated, one referring to the next */
    struct timer timer;          /* io steps */
    struct timer deadline;       /* the handler's timeout */
};

/* Takes a request from the server. */
void request_begin(struct service *service, struct serve_conn *conn,
                   const struct serve_request *request);

/* The server says how far the response is. */
void request_progress(struct request *request, enum serve_progress progress);

/* The only function that changes a request's state. */
void request_set_state(struct request *request, enum request_state to);

/* From now on the request's time goes into that phase; TIMING_WORK becomes TIMING_LOCK while it
 * holds a slot. */
void request_enter(struct request *request, enum timing_phase phase);

/* Goes on with the steps after a wait. */
void request_resume(struct request *request);

/* Its client has gone before the response was written. */
void request_client_left(struct request *request);

/* Whether it is of no use to anybody any more: it hangs, or its client has gone. */
bool request_is_hopeless(const struct request *request);

/* Ends it without an answer, wherever it stands; what it holds is given back. */
void request_abort(struct request *request);

#endif
