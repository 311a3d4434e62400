/* SPDX-License-Identifier: MIT */
/* The one place that decides how long a message is (RFC 9112 6.3), and the reader of its body. */
#ifndef TAILGATE_LIB_HTTP_FRAMING_H
#define TAILGATE_LIB_HTTP_FRAMING_H

#include "lib/http/chunk.h"
#include "lib/http/head.h"

enum http_framing {
    HTTP_NO_BODY,
    HTTP_LENGTH,      /* Content-Length */
    HTTP_CHUNKED,     /* Transfer-Encoding: chunked */
    HTTP_UNTIL_CLOSE, /* responses only */
};

/* A body being read. */
struct http_body {
    enum http_framing framing;
    uint64_t left; /* HTTP_LENGTH: bytes still to come */
    struct http_chunks chunks;
    bool complete;
};

/* Both set `body` up for a message with that head and return NULL, or say what is wrong with its
 * framing (both lengths given, lengths that differ, an unknown coding). */
const char *http_request_body(struct http_body *body, const struct http_head *head);
const char *http_response_body(struct http_body *body, const struct http_head *head,
                               bool answers_head_request);

/* Whether what the last http_body_take used is left out by who passes the framing on: it was a
 * chunk extension. */
static inline bool http_body_drops(const struct http_body *body)
{
    return body->framing == HTTP_CHUNKED && body->chunks.extension;
}

/* Takes what belongs to the body from `bytes`. `*used` bytes were taken, and among them `*payload`
 * is the first run of content, if any (call again with the rest while `*used` > 0 and not complete:
 * a call ends behind a run of content). Whoever passes the framing on forwards the used bytes
 * unless http_body_drops; whoever wants the content takes the payload. Returns NULL, or what is
 * wrong with a chunk. */
const char *http_body_take(struct http_body *body, const char *bytes, size_t length, size_t *used,
                           struct http_span *payload);

/* Bytes of content that follow for sure, with nothing between them: who does not want to look at
 * them passes them on unseen and says how many by http_body_skip. 0: nobody knows. */
uint64_t http_body_run(const struct http_body *body);
/* `n` is at most what http_body_run returned. */
void http_body_skip(struct http_body *body, uint64_t n);

#endif
