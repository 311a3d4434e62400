/* SPDX-License-Identifier: MIT */
#include "lib/http/framing.h"

#include <string.h>

static void set_framing(struct http_body *body, enum http_framing framing, uint64_t length)
{
    body->framing = framing;
    body->left = length;
    body->complete = framing == HTTP_NO_BODY || (framing == HTTP_LENGTH && length == 0);
    if (framing == HTTP_CHUNKED)
        http_chunks_init(&body->chunks);
}

static const char *parse_length(struct http_span digits, uint64_t *length)
{
    /* 18 digits cannot overflow and are an exbibyte. */
    if (digits.length == 0 || digits.length > 18)
        return "a Content-Length that is not a number, or beyond reason";
    *length = 0;
    for (uint32_t i = 0; i < digits.length; i++) {
        if (digits.at[i] < '0' || digits.at[i] > '9')
            return "a Content-Length that is not a number";
        *length = *length * 10 + (uint64_t)(digits.at[i] - '0');
    }
    return NULL;
}

/* RFC 9112 6.3 rule 5 allows a list of identical lengths; two fields or values that differ are how
 * requests are smuggled. Repeats are refused altogether. */
static const char *content_length(const struct http_head *head, uint64_t *length)
{
    const char *problem = "an empty Content-Length";
    int seen = 0;
    for (int i = 0; i < head->field_count; i++) {
        if (head->fields[i].id != HTTP_FIELD_CONTENT_LENGTH)
            continue;
        if (seen++)
            return "more than one Content-Length";
        problem = parse_length(head->fields[i].value, length);
    }
    return problem;
}

/* Empty list elements and fields are refused too: the field is passed on as it came, and the next
 * hop might read ",chunked" or an empty second field another way. */
static const char *coding_problem(const struct http_head *head)
{
    int seen = 0;
    for (int i = 0; i < head->field_count; i++)
        if (head->fields[i].id == HTTP_FIELD_TRANSFER_ENCODING &&
            (seen++ || !http_span_is_nocase(head->fields[i].value, "chunked")))
            return "a Transfer-Encoding other than chunked";
    if (head->minor_version == 0)
        return "a Transfer-Encoding in an HTTP/1.0 message";
    if (http_has(head, HTTP_FIELD_CONTENT_LENGTH))
        return "both a Transfer-Encoding and a Content-Length";
    return NULL;
}

/* What the fields say; `otherwise` is the framing when they say nothing. */
static const char *framing_from_fields(struct http_body *body, const struct http_head *head,
                                       enum http_framing otherwise)
{
    uint64_t length = 0;
    const char *problem = NULL;
    if (http_has(head, HTTP_FIELD_TRANSFER_ENCODING)) {
        problem = coding_problem(head);
        set_framing(body, HTTP_CHUNKED, 0);
    } else if (http_has(head, HTTP_FIELD_CONTENT_LENGTH)) {
        problem = content_length(head, &length);
        set_framing(body, HTTP_LENGTH, length);
    } else {
        set_framing(body, otherwise, 0);
    }
    return problem;
}

const char *http_request_body(struct http_body *body, const struct http_head *head)
{
    return framing_from_fields(body, head, HTTP_NO_BODY);
}

const char *http_response_body(struct http_body *body, const struct http_head *head,
                               bool answers_head_request)
{
    const char *problem = framing_from_fields(body, head, HTTP_UNTIL_CLOSE);
    if (answers_head_request || head->status < 200 || head->status == 204 || head->status == 304)
        set_framing(body, HTTP_NO_BODY, 0);
    return problem;
}

static const char *take_chunked(struct http_body *body, const char *bytes, size_t length,
                                size_t *used, struct http_span *payload)
{
    size_t at, run;
    const char *problem = http_chunks_take(&body->chunks, bytes, length, used, &at, &run);
    if (problem)
        return problem;
    *payload = (struct http_span){bytes + at, (uint32_t)run};
    body->complete = body->chunks.state == CHUNK_DONE;
    return NULL;
}

const char *http_body_take(struct http_body *body, const char *bytes, size_t length, size_t *used,
                           struct http_span *payload)
{
    if (body->framing == HTTP_CHUNKED)
        return take_chunked(body, bytes, length, used, payload);
    size_t take = length;
    if (body->framing == HTTP_NO_BODY)
        take = 0;
    if (body->framing == HTTP_LENGTH) {
        take = length < body->left ? length : (size_t)body->left;
        body->left -= take;
        body->complete = body->left == 0;
    }
    *used = take;
    *payload = (struct http_span){bytes, (uint32_t)take};
    return NULL;
}

uint64_t http_body_run(const struct http_body *body)
{
    if (body->framing == HTTP_LENGTH)
        return body->left;
    return body->framing == HTTP_CHUNKED ? http_chunks_run(&body->chunks) : 0;
}

void http_body_skip(struct http_body *body, uint64_t n)
{
    if (body->framing == HTTP_CHUNKED) {
        http_chunks_skip(&body->chunks, n);
        return;
    }
    body->left -= n;
    body->complete = body->left == 0;
}
