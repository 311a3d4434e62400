/* SPDX-License-Identifier: MIT */
#include "lib/conf/visited.h"

#include <stdlib.h>

bool conf_visit(struct conf_visited *visited, const struct conf_table *table)
{
    for (size_t i = 0; i < visited->count; i++)
        if (visited->tables[i] == table)
            return false;
    visited->tables =
        mem_grow(visited->tables, visited->count + 1, sizeof(const struct conf_table *));
    visited->tables[visited->count++] = table;
    return true;
}

void conf_visited_free(struct conf_visited *visited)
{
    free(visited->tables);
    *visited = (struct conf_visited){0};
}
