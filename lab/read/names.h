/* SPDX-License-Identifier: MIT */
/* Texts by number, each kept once. Zeroed, it is empty. */
#ifndef TAILGATE_LAB_READ_NAMES_H
#define TAILGATE_LAB_READ_NAMES_H

#include <stddef.h>
#include <stdint.h>

struct names {
    const char **items; /* owned */
    size_t count, last; /* last: the one that was asked for most recently */
};

/* The text's number, from 0 on; a new text gets the next. */
uint32_t names_number(struct names *names, const char *text);

/* The text that is kept, which lives as long as `names`; NULL stands for "". */
const char *names_text(struct names *names, const char *text);

void names_free(struct names *names);

#endif
