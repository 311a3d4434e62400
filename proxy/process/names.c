/* SPDX-License-Identifier: MIT */
#include "proxy/process/names.h"

#include <stdlib.h>
#include <string.h>

#include "lib/record/tables.h"

static void make_room(struct names *names)
{
    if (names->count < names->room)
        return;
    names->room = names->room ? 2 * names->room : 64;
    names->items = mem_grow(names->items, names->room, sizeof(*names->items));
}

uint16_t names_add(struct names *names, const char *text)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i], text) == 0)
            return (uint16_t)i;
    if (names->count + 1 >= NAME_NONE)
        return NAME_NONE;
    make_room(names);
    names->items[names->count] = arena_text(&names->texts, text, strlen(text));
    return (uint16_t)names->count++;
}

void names_release(struct names *names)
{
    arena_free(&names->texts);
    free(names->items);
    *names = (struct names){0};
}
