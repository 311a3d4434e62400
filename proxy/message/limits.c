/* SPDX-License-Identifier: MIT */
#include "proxy/message/limits.h"

#include <string.h>

static struct refusal too_large(int status, const char *detail)
{
    return (struct refusal){status, CAUSE_REQUEST_TOO_LARGE, detail};
}

/* The method has ended and the target has not: it is the target that is too long. */
static bool is_inside_target(const struct buf *in)
{
    const char *bytes = buf_head(in);
    size_t length = buf_len(in);
    return memchr(bytes, ' ', length) && !memchr(bytes, '\n', length);
}

struct refusal limits_check_size(const struct request_limits *limits, const struct buf *in,
                                 size_t length)
{
    size_t seen = length ? length : buf_len(in);
    if (seen <= limits->head)
        return (struct refusal){0};
    if (is_inside_target(in))
        return too_large(414, "the target is longer than limits.target");
    return too_large(431, "the head is larger than limits.request_head");
}

struct refusal limits_check_head(const struct request_limits *limits, const struct http_head *head,
                                 const char *problem)
{
    if (problem == http_too_many_fields)
        return too_large(431, "more fields than limits.fields");
    if (problem == http_other_version)
        return (struct refusal){505, CAUSE_REQUEST_MALFORMED, problem};
    if (problem)
        return (struct refusal){400, CAUSE_REQUEST_MALFORMED, problem};
    if (head->target.length > limits->target)
        return too_large(414, "the target is longer than limits.target");
    if (head->field_count > limits->fields)
        return too_large(431, "more fields than limits.fields");
    return (struct refusal){0};
}

bool limits_allow_body(const struct request_limits *limits, const struct http_body *body,
                       uint64_t taken)
{
    uint64_t announced = body->framing == HTTP_LENGTH ? body->left : 0;
    return limits->body == 0 || taken + announced <= limits->body;
}
