/* SPDX-License-Identifier: MIT */
/* The names that records point to by number: of routes, upstreams and endpoints. A name keeps its
 * number as long as the process runs, so that a record is right whenever it is read. */
#ifndef TAILGATE_PROXY_PROCESS_NAMES_H
#define TAILGATE_PROXY_PROCESS_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/memory.h"

/* A zeroed one is empty and ready. */
struct names {
    struct arena texts;
    const char **items;
    size_t count, room;
};

/* The number of a name, a new one if it is not there; NAME_NONE when there are too many. */
uint16_t names_add(struct names *names, const char *text);
void names_release(struct names *names);

#endif
