/* SPDX-License-Identifier: MIT */
/* A connection's two streams with a dialog in them, driven by hand. */
#ifndef TAILGATE_TESTS_UNIT_CHAOS_MESSAGE_RIG_H
#define TAILGATE_TESTS_UNIT_CHAOS_MESSAGE_RIG_H

#include "chaos/message/dialog.h"
#include "lib/base/buf.h"

#define MS(n) ((mono){(n)*NS_PER_MS + 1})

#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"
#define OK_HEAD     "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
#define OK_FIVE     OK_HEAD "hello"
#define CHUNKED     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
#define ABORTED                                                                                  \
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 20\r\n\r\n" \
    "Service Unavailable\n"

enum { RIG_FAULTS = 4 };

struct rig {
    struct stream up, down;
    struct dialog *dialog;
    struct buf sent, got; /* what came out above, and below */
    mono now;
    struct fault *faults[RIG_FAULTS]; /* touch requests by ids from 1 on */
    uint64_t touch_from;              /* ... from this number on */
    unsigned asked, done;
    struct dialog_touched last; /* that was done */
    char paths[256];            /* of the requests that were asked about */
};

struct fault *rig_fault(const char *json);

/* `fault` may be NULL. */
void rig_open(struct rig *rig, const char *fault);
void rig_close(struct rig *rig);

/* Runs both streams and takes what there is. */
void rig_run(struct rig *rig, mono now);
/* Pushes in pieces of `split` bytes. */
void rig_push(struct rig *rig, struct stream *stream, const char *bytes, size_t n, size_t split);
/* Pushes a text at once. */
void rig_up(struct rig *rig, const char *text);
void rig_down(struct rig *rig, const char *text);

/* What came out is just this; it is forgotten. */
void rig_expect(struct buf *out, const char *text);

#endif
