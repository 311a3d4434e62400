/* SPDX-License-Identifier: MIT */
/* What is read of a DNS message on any bytes: what stands behind the answers changes nothing, and
 * answers that are cut off are none. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/net/dns_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) ((condition) ? (void)0 : abort())

/* From a copy of exactly these bytes, so that reading past the end is seen. */
static bool read_copy(const uint8_t *data, size_t size, uint32_t *ttl)
{
    uint8_t *copy = malloc(size ? size : 1);
    MUST(copy != NULL);
    memcpy(copy, data, size);
    bool right = dns_least_ttl(copy, size, ttl);
    free(copy);
    MUST(!right || *ttl <= INT32_MAX);
    return right;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t whole = 0, part = 0;
    bool right = read_copy(data, size, &whole);
    size_t step = size / 64 + 1;
    for (size_t n = 0; n < size; n += step)
        if (read_copy(data, n, &part))
            MUST(right && part == whole);
    return 0;
}
