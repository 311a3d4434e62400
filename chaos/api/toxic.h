/* SPDX-License-Identifier: MIT */
/* Faults as the API has them. A toxic of Toxiproxy is a fault in other words:
 *     {"attributes": {"latency": 1000}, "name": "slow", "type": "latency", "stream": "downstream",
 *      "toxicity": 0.5}
 * is {"kind": "latency", "latency": "1000ms", "name": "slow", "share": "50%"}. Attributes may also
 * be written as the configuration has them ("uniform(1ms,9ms)"), and what says when a fault is on
 * stands beside "toxicity" as in the configuration ("ttl": "30s"). */
#ifndef TAILGATE_CHAOS_API_TOXIC_H
#define TAILGATE_CHAOS_API_TOXIC_H

#include <cjson/cJSON.h>

#include "chaos/fault/live.h"
#include "lib/base/buf.h"

/* Room for a name with its NUL: longer ones could not be asked for. */
#define API_NAME 256

/* What is wrong with a call: a status and the text of the answer. */
struct api_error {
    int status;
    char text[640];
};

/* Sets it and returns false, so that a failing function ends in one line. */
bool api_fail(struct api_error *error, int status, const char *format, ...) PRINTF_LIKE(3, 4);

/* "bad request body: WHY" of a message of the configuration's reader, whose place says nothing to
 * the caller. */
bool api_fail_body(struct api_error *error, const struct error *why);

/* A fault from a call's body; the caller owns it. NULL and the error when it is none. `ignored` is
 * added what nobody knows (words.h). */
struct fault *toxic_make(const cJSON *body, struct buf *ignored, struct api_error *error);

/* What a fault becomes by a call's body: attributes, toxicity and times are merged; name, type and
 * stream are ignored, as Toxiproxy does. */
struct fault *toxic_update(const struct live_fault *live, const cJSON *body, struct buf *ignored,
                           struct api_error *error);

/* The fault as the API shows it; the caller deletes it. */
cJSON *toxic_show(const struct live_fault *live);

/* A member of a body, in whatever case, as Go reads it; NULL also when it is null. */
const cJSON *body_member(const cJSON *body, const char *name);

#endif
