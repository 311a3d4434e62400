/* SPDX-License-Identifier: MIT */
#include "lab/read/names.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"

uint32_t names_number(struct names *names, const char *text)
{
    if (names->last < names->count && strcmp(names->items[names->last], text) == 0)
        return (uint32_t)names->last;
    for (names->last = 0; names->last < names->count; names->last++)
        if (strcmp(names->items[names->last], text) == 0)
            return (uint32_t)names->last;
    names->items = mem_grow(names->items, names->count + 1, sizeof(*names->items));
    names->items[names->count++] = mem_text(text);
    return (uint32_t)names->last;
}

const char *names_text(struct names *names, const char *text)
{
    uint32_t number = names_number(names, text ? text : "");
    return names->items[number];
}

void names_free(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free((void *)(uintptr_t)names->items[i]);
    free(names->items);
    *names = (struct names){0};
}
