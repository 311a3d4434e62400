/* SPDX-License-Identifier: MIT */
/* What a request holds: taking it registers its release, and the moments at which releases are due
 * stand here, one function each. */
#ifndef TAILGATE_BACKEND_HOLDS_H
#define TAILGATE_BACKEND_HOLDS_H

#include "backend/request.h"

/* The request has got a slot. */
void holds_add_slot(struct request *request, size_t resource);
void holds_add_descriptor(struct request *request, int fd);
void holds_add_block(struct request *request, struct heap_object *block);

/* How many slots of that resource the request has. */
int64_t holds_count(const struct request *request, size_t resource);

/* A `release` step for that resource. */
void holds_release_step(struct request *request, size_t resource);
/* A turn of the innermost loop has ended. */
void holds_end_turn(struct request *request);
/* The response is about to start. */
void holds_before_response(struct request *request);
/* The last step is done. */
void holds_end_handler(struct request *request);
/* The exchange has ended. */
void holds_end_exchange(struct request *request);

#endif
