/* SPDX-License-Identifier: MIT */
/* The reader of PROXY headers on any bytes. How the bytes arrive must not change what is read, and
 * what is read must be the same when it is written again. The first byte says which versions are
 * taken. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/net/proxy_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) ((condition) ? (void)0 : abort())

/* From a copy of exactly these bytes, so that reading past the end is seen. */
static const char *read_copy(struct proxy_header *header, unsigned versions, const uint8_t *data,
                             size_t size, size_t *used)
{
    char *copy = malloc(size ? size : 1);
    MUST(copy != NULL);
    memcpy(copy, data, size);
    const char *problem = proxy_header_read(header, versions, copy, size, used);
    free(copy);
    MUST(*used <= size && (!problem || *used == 0));
    MUST(header->source.kind == header->destination.kind);
    return problem;
}

static bool is_same(const struct ip_peer *a, const struct ip_peer *b)
{
    return a->kind == b->kind && a->port == b->port && memcmp(&a->ip, &b->ip, sizeof(a->ip)) == 0;
}

static void check_written(const struct proxy_header *header)
{
    for (enum proxy_header_version version = PROXY_HEADER_V1; version <= PROXY_HEADER_V2;
         version++) {
        char out[PROXY_HEADER_WRITTEN];
        struct proxy_header again;
        size_t used,
            length = proxy_header_write(out, version, &header->source, &header->destination);
        MUST(length < sizeof(out) || version == PROXY_HEADER_V2);
        MUST(!proxy_header_read(&again, version, out, length, &used) && used == length);
        if (header->source.kind == IP_PEER_IP)
            MUST(is_same(&again.source, &header->source) &&
                 is_same(&again.destination, &header->destination));
        else
            MUST(again.source.kind == IP_PEER_UNKNOWN);
    }
}

/* Once a piece is enough or wrong, more of it changes nothing; until then it is a header's start.
 */
static void check_pieces(unsigned versions, const uint8_t *data, size_t size,
                         const struct proxy_header *whole, size_t whole_used, bool right)
{
    size_t step = size / 64 + 1, used;
    struct proxy_header header;
    for (size_t n = 0; n < size; n += step) {
        const char *problem = read_copy(&header, versions, data, n, &used);
        MUST(!problem || !right);
        MUST(used == (!problem && whole_used && n >= whole_used ? whole_used : 0));
        MUST(used == 0 || is_same(&header.source, &whole->source));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxy_header header;
    size_t used;
    if (size == 0)
        return 0;
    unsigned versions = data[0] & (PROXY_HEADER_V1 | PROXY_HEADER_V2);
    const char *problem = read_copy(&header, versions, data + 1, size - 1, &used);
    check_pieces(versions, data + 1, size - 1, &header, used, !problem);
    MUST(used == 0 || used <= PROXY_HEADER_V2_MOST);
    MUST(problem || used > 0 || size - 1 < PROXY_HEADER_V2_MOST);
    if (used > 0)
        check_written(&header);
    return 0;
}
