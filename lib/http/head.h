/* SPDX-License-Identifier: MIT */
/* Request and response heads of HTTP/1.x (RFC 9112): strict, pure, no allocation. The parser is
 * given a whole head (http_head_end says where it ends) and keeps offsets into it.
 *
 * Strict means that everything two implementations might read differently is refused: bare CR or LF
 * line ends, NUL and other controls, whitespace before the colon, folded lines, an empty or broken
 * field name, a target with controls, several Host fields or one that is no host. */
#ifndef TAILGATE_LIB_HTTP_HEAD_H
#define TAILGATE_LIB_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_MAX_FIELDS 128

/* Fields that the gateway itself looks at: identifier and lower-case name, in the
 * order of their names, by which they are found. */
#define HTTP_FIELDS(X)                        \
    X(CDN_LOOP, "cdn-loop")                   \
    X(CONNECTION, "connection")               \
    X(CONTENT_LENGTH, "content-length")       \
    X(DATE, "date")                           \
    X(EXPECT, "expect")                       \
    X(FORWARDED, "forwarded")                 \
    X(HOST, "host")                           \
    X(KEEP_ALIVE, "keep-alive")               \
    X(MAX_FORWARDS, "max-forwards")           \
    X(PROXY_CONNECTION, "proxy-connection")   \
    X(SERVER_TIMING, "server-timing")         \
    X(TE, "te")                               \
    X(TRACEPARENT, "traceparent")             \
    X(TRAILER, "trailer")                     \
    X(TRANSFER_ENCODING, "transfer-encoding") \
    X(UPGRADE, "upgrade")                     \
    X(VIA, "via")                             \
    X(X_FORWARDED_FOR, "x-forwarded-for")     \
    X(X_FORWARDED_HOST, "x-forwarded-host")   \
    X(X_FORWARDED_PORT, "x-forwarded-port")   \
    X(X_FORWARDED_PROTO, "x-forwarded-proto") \
    X(X_REQUEST_ID, "x-request-id")

#define HTTP_FIELD_ENUM(id, name) HTTP_FIELD_##id,
enum http_field_id { HTTP_FIELD_OTHER, HTTP_FIELDS(HTTP_FIELD_ENUM) HTTP_FIELD_COUNT };
#undef HTTP_FIELD_ENUM

/* A part of the text that was parsed. */
struct http_span {
    const char *at;
    uint32_t length;
};

struct http_field {
    struct http_span line; /* name to CRLF, inclusive: what is forwarded as it came */
    struct http_span name;
    struct http_span value; /* without the whitespace around it */
    enum http_field_id id;
};

/* What the Connection fields say (RFC 9110 7.6.1), a bit set. */
enum http_option {
    HTTP_OPTION_CLOSE = 1,
    HTTP_OPTION_KEEP_ALIVE = 2,
    HTTP_OPTION_UPGRADE = 4,
    HTTP_OPTION_OTHER = 8 /* anything else: the name of a field that is about this hop */
};

struct http_head {
    struct http_span start_line; /* without CRLF */
    struct http_span method;     /* requests */
    struct http_span target;     /* requests */
    struct http_span authority;  /* requests: set by http_resolve_target, otherwise empty */
    int status;                  /* responses: 100..999 */
    int minor_version;           /* HTTP/1.x */
    uint32_t present;            /* bit set of enum http_field_id */
    unsigned options;            /* bit set of enum http_option */
    int field_count;
    struct http_field fields[HTTP_MAX_FIELDS];
};

/* Where the head at the start of `bytes` ends (just behind its empty line), or 0 when it is not
 * there yet. `*scanned` remembers how far earlier calls looked; start it at 0 with each head. An
 * empty line is CRLF CRLF or LF LF and so on: whether the line ends are right is the parser's
 * matter. */
size_t http_head_end(const char *bytes, size_t length, size_t *scanned);

/* Both return NULL when the head is right, or what is wrong with it ("space before the colon"). The
 * offsets point into `bytes`. A version other than 1.x is wrong; what is above 1.1 is read as 1.1
 * (RFC 9110 2.5). */
const char *http_parse_request(struct http_head *head, const char *bytes, size_t length);
const char *http_parse_response(struct http_head *head, const char *bytes, size_t length);

/* What the parsers say of a head with more fields than HTTP_MAX_FIELDS, and of another version of
 * HTTP: these very pointers. */
extern const char http_too_many_fields[];
extern const char http_other_version[];

static inline bool http_has(const struct http_head *head, enum http_field_id id)
{
    return head->present >> id & 1;
}

/* Whether it can be the value of a Host field: a name or an address, which stands in brackets when
 * it is one of IPv6, and a port or none (RFC 3986 3.2.2); no user before an "@", and no comma,
 * which joins two hosts. Empty is right. */
bool http_is_host(struct http_span value);

/* The first field with that id or (lower-case) name, or NULL. */
const struct http_field *http_field(const struct http_head *head, enum http_field_id id);
/* The field with that id when there is exactly one, or NULL. */
const struct http_field *http_only_field(const struct http_head *head, enum http_field_id id);
const struct http_field *http_field_named(const struct http_head *head, const char *name);

/* Whether a token may hold it (RFC 9110 5.6.2). */
bool http_is_token_byte(char byte);

bool http_span_is(struct http_span span, const char *text); /* exact */
bool http_span_is_nocase(struct http_span span, const char *lower_case);

/* Whether a field of that name is taken for the other by who reads fields as CGI does (RFC 3875
 * 4.1.18), where "-" and "_" are one. */
bool http_name_reads_as(struct http_span name, const char *lower_case);

/* Walks a comma-separated list (RFC 9110 5.6.1) over all fields with that id: sets `element`
 * (trimmed, never empty). Start with *field = 0 and *offset = 0. */
bool http_list_next(const struct http_head *head, enum http_field_id id, int *field,
                    uint32_t *offset, struct http_span *element);

/* Whether the message leaves the connection open behind it (RFC 9112 9.3). */
bool http_keeps_alive(const struct http_head *head);

/* A field that belongs to one hop and is not forwarded (RFC 9110 7.6.1), Connection's own options
 * included. Transfer-Encoding is not counted: the framing is passed on as it is. */
bool http_is_hop_by_hop(const struct http_head *head, const struct http_field *field);

/* Whether the client waits for a 100 before it sends its body (RFC 9110 10.1.1). */
bool http_expects_continue(const struct http_head *head);

/* RFC 9110 9.2.2. */
bool http_method_is_idempotent(struct http_span method);

#endif
