/* SPDX-License-Identifier: MIT */
/* Answering a request, rightly or wrongly. Every response carries Server-Timing, which accounts for
 * the request up to its response's head. */
#ifndef TAILGATE_BACKEND_RESPOND_H
#define TAILGATE_BACKEND_RESPOND_H

#include "backend/request.h"

/* Releases what is due before a response, and sends it. */
void respond_send(struct request *request, const struct respond_config *response);

/* As above: a short text that says what went wrong; nothing when there was a response already. */
void respond_error(struct request *request, int status, const char *text);

/* Answers 204 when there was no response yet. */
void respond_default(struct request *request);

/* Misbehaves instead; `truncate` and `stall` cut the response of the next `respond` step. Whether
 * the request is over with that; otherwise it waits until the client leaves. */
bool respond_fail(struct request *request, enum serve_fault how);

/* A path that no handler stands for: 404, and the exchange is over. */
void respond_unknown_path(struct serve_conn *conn);

#endif
