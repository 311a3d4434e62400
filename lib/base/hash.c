/* SPDX-License-Identifier: MIT */
#include "lib/base/hash.h"

#include <string.h>

/* The finalizer of splitmix64 (Steele, Lea and Flood, 2014). */
uint64_t hash_mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

uint64_t hash_bytes(uint64_t seed, const void *bytes, size_t length)
{
    const char *at = bytes;
    uint64_t state = hash_mix(seed ^ length);
    while (length > 0) {
        uint64_t word = 0;
        size_t taken = length < sizeof(word) ? length : sizeof(word);
        memcpy(&word, at, taken);
        state = hash_mix(state ^ word) + seed;
        at += taken;
        length -= taken;
    }
    return hash_mix(state);
}
