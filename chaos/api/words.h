/* SPDX-License-Identifier: MIT */
/* Which keys of a call's body are known. Toxiproxy ignores those that it does not know, and its
 * clients may count on that; but a misspelt "ttl" that is ignored is a fault that stays. So a body
 * that has words of ours, such as a kind that Toxiproxy has not or "match", is refused when it has
 * an unknown one beside them; in a body that could be Toxiproxy's, unknown keys are ignored and
 * named. A key that stands twice is refused in either. */
#ifndef TAILGATE_CHAOS_API_WORDS_H
#define TAILGATE_CHAOS_API_WORDS_H

#include "chaos/api/toxic.h"
#include "lib/base/buf.h"

/* Of a toxic of that kind (FAULT_COUNT: unknown, which is another's to refuse). Adds to `ignored`
 * what was ignored, "tll, attributes.latncy", fit for a header field. */
bool words_check_toxic(const cJSON *body, enum fault_kind kind, struct buf *ignored,
                       struct api_error *error);

/* Of a proxy. */
bool words_check_proxy(const cJSON *body, struct buf *ignored, struct api_error *error);

#endif
