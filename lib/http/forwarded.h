/* SPDX-License-Identifier: MIT */
/* The Forwarded field (RFC 7239): who sent a request, hop by hop, the client first. Pure. */
#ifndef TAILGATE_LIB_HTTP_FORWARDED_H
#define TAILGATE_LIB_HTTP_FORWARDED_H

#include "lib/base/buf.h"
#include "lib/base/ip.h"
#include "lib/http/head.h"

/* Takes the next element off the front of a field's value and reads its `for`; false when there is
 * none left. `peer` is of kind IP_PEER_UNKNOWN where the element is malformed, has no `for`, or an
 * obfuscated one. Behind a malformed element the text goes on at its first comma, so that whoever
 * wrote it cannot hide those that were appended to it. */
bool forwarded_next(struct http_span *rest, struct ip_peer *peer);

/* Appends an element: `for` the peer ("unknown" when it has no IP address), `host` unless it is
 * empty, and `proto`. */
void forwarded_append(struct buf *out, const struct ip_peer *peer, struct http_span host,
                      const char *proto);

#endif
