/* SPDX-License-Identifier: MIT */
/* Which requests are too large to be taken, and what they are told. */
#ifndef TAILGATE_PROXY_MESSAGE_LIMITS_H
#define TAILGATE_PROXY_MESSAGE_LIMITS_H

#include "lib/base/buf.h"
#include "lib/http/framing.h"
#include "lib/record/cause.h"
#include "proxy/config/config.h"

/* How a request is refused. */
struct refusal {
    int status; /* 0: it is not */
    enum cause cause;
    const char *detail;
};

/* Looks at `in`, of which `length` bytes are a whole head (0: it has not arrived yet). */
struct refusal limits_check_size(const struct request_limits *limits, const struct buf *in,
                                 size_t length);

/* Looks at a head that was parsed; `problem` is what the parser says of it. */
struct refusal limits_check_head(const struct request_limits *limits, const struct http_head *head,
                                 const char *problem);

/* Looks at a body of which `taken` bytes of content have been read so far. */
bool limits_allow_body(const struct request_limits *limits, const struct http_body *body,
                       uint64_t taken);

#endif
