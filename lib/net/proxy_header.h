/* SPDX-License-Identifier: MIT */
/* The PROXY protocol, versions 1 and 2: a header in front of everything else by which a proxy says
 * whose connection it passes on. Pure. */
#ifndef TAILGATE_LIB_NET_PROXY_HEADER_H
#define TAILGATE_LIB_NET_PROXY_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/ip.h"

enum proxy_header_version { PROXY_HEADER_V1 = 1, PROXY_HEADER_V2 = 2 };

enum {
    PROXY_HEADER_V1_MOST = 107,        /* bytes, CR LF included */
    PROXY_HEADER_V2_FIXED = 16,        /* bytes in front of what the length field counts */
    PROXY_HEADER_V2_MOST = 16 + 65535, /* bytes */
    PROXY_HEADER_WRITTEN = 108         /* room for what is written, a NUL included */
};

struct proxy_header {
    /* The ends of the connection that is passed on. Of kind IP_PEER_UNKNOWN when the proxy speaks
     * for itself (a health check) or does not know them: then the real ends count. */
    struct ip_peer source, destination;
};

/* Reads the header at the start of `bytes`, in one of `versions` (a bit set of enum
 * proxy_header_version). Returns NULL and sets `*used` to its length, or to 0 when it goes on
 * behind all of these bytes; or returns what is wrong. A CRC32C is checked; other TLVs are skipped.
 */
const char *proxy_header_read(struct proxy_header *header, unsigned versions, const char *bytes,
                              size_t length, size_t *used);

/* Writes a header for a connection with these ends and returns its length. Ends without an IP
 * address are said to be unknown. */
size_t proxy_header_write(char out[PROXY_HEADER_WRITTEN], enum proxy_header_version version,
                          const struct ip_peer *source, const struct ip_peer *destination);

/* Writes the header of a connection of the proxy's own (LOCAL; version 1 has UNKNOWN for it). */
size_t proxy_header_write_own(char out[PROXY_HEADER_WRITTEN], enum proxy_header_version version);

#endif
