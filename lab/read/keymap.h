/* SPDX-License-Identifier: MIT */
/* Numbers by 64-bit keys that are spread evenly: an open table without removal. Zeroed, it is
 * empty. */
#ifndef TAILGATE_LAB_READ_KEYMAP_H
#define TAILGATE_LAB_READ_KEYMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYMAP_NONE UINT32_MAX

struct keymap {
    struct keymap_entry {
        uint64_t key;
        uint32_t value;
    } * entries;
    uint64_t *seen; /* a bit for each of so many hashes: most of what is not there is found out
                       here, without a look at the table */
    size_t capacity, count;
};

/* A key that is there already keeps its number. `value` must not be KEYMAP_NONE. */
void keymap_add(struct keymap *map, uint64_t key, uint32_t value);

/* KEYMAP_NONE when it is not there. */
uint32_t keymap_find(const struct keymap *map, uint64_t key);

/* A key of a trace id as it stands in the records: 32 hexadecimal digits. False when it is none. */
bool keymap_trace_key(const char *text, size_t length, uint64_t *key);

void keymap_free(struct keymap *map);

#endif
