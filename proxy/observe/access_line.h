/* SPDX-License-Identifier: MIT */
/* The lines of the access log in the formats of other gateways, made from the request's record and
 * a few texts that are kept only when the format asks for them. Pure. */
#ifndef TAILGATE_PROXY_OBSERVE_ACCESS_LINE_H
#define TAILGATE_PROXY_OBSERVE_ACCESS_LINE_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/http/head.h"
#include "lib/record/tables.h"
#include "proxy/config/config.h"

/* Texts of a request: identifier, the field it is the value of (NULL: no field), bytes that are
 * kept of it. */
#define ACCESS_TEXTS(X)                      \
    X(TARGET, NULL, 1024)                    \
    X(USER_AGENT, "user-agent", 256)         \
    X(REFERER, "referer", 512)               \
    X(HOST, "host", 256)                     \
    X(FORWARDED_FOR, "x-forwarded-for", 256) \
    X(REQUEST_ID, "x-request-id", 128)

#define ACCESS_TEXT_ENUM(id, field, room) ACCESS_TEXT_##id,
enum access_text { ACCESS_TEXTS(ACCESS_TEXT_ENUM) ACCESS_TEXT_COUNT };
#undef ACCESS_TEXT_ENUM
#define ACCESS_TEXT_ROOM(id, field, room) +(room)
enum { ACCESS_TEXT_BYTES = 0 ACCESS_TEXTS(ACCESS_TEXT_ROOM) };
#undef ACCESS_TEXT_ROOM

struct access_texts {
    uint16_t start[ACCESS_TEXT_COUNT], length[ACCESS_TEXT_COUNT]; /* length 0: there is none */
    int minor_version;
    char bytes[ACCESS_TEXT_BYTES];
};

/* Whether the format needs texts at all. */
bool access_format_has_texts(enum access_format format);

/* Keeps what the format needs of a head, each text cut to its room. */
void access_texts_keep(struct access_texts *texts, enum access_format format,
                       const struct http_head *head);

/* The time of the line's second, laid out once per second. A zeroed one is empty and ready. */
struct access_clock {
    int64_t second;
    char date[24];    /* "06/Feb/2009:12:14:14", local */
    char zone[8];     /* "+0100" */
    char iso_utc[24]; /* "2009-02-06T11:14:14" */
};

/* What a line is made of. */
struct access_entry {
    const struct request_record *record;
    const struct access_texts *texts; /* NULL: no head could be read */
    wall started;
    const char *gateway, *upstream, *endpoint; /* the last two NULL: none was chosen */
    uint64_t body_in, body_out;
    bool delayed;                /* by an injected fault */
    bool connected;              /* the last try had a connection */
    uint64_t clients, exchanges; /* of this worker, at the line's moment */
    int endpoint_connections;    /* of the endpoint, across workers */
    int queued_behind;           /* requests that stood before it in the upstream's queue */
};

/* Appends the line; not for ACCESS_JSON. */
void access_line_append(struct buf *out, enum access_format format,
                        const struct access_entry *entry, struct access_clock *clock);

#endif
