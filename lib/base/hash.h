/* SPDX-License-Identifier: MIT */
/* Hashing of short keys into 64 bits. Not for secrets; a seed that clients do not know keeps them
 * from choosing keys that fall together. */
#ifndef TAILGATE_LIB_BASE_HASH_H
#define TAILGATE_LIB_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Every bit of the input moves about half of the output's. */
uint64_t hash_mix(uint64_t value);

uint64_t hash_bytes(uint64_t seed, const void *bytes, size_t length);

#endif
