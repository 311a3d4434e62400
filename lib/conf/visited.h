/* SPDX-License-Identifier: MIT */
/* The tables that a walk over a table and its sub-tables has met: tables may be recursive. */
#ifndef TAILGATE_LIB_CONF_VISITED_H
#define TAILGATE_LIB_CONF_VISITED_H

#include "lib/conf/conf.h"

/* A zeroed one is empty and ready. */
struct conf_visited {
    const struct conf_table **tables;
    size_t count;
};

/* Whether the table was new. */
bool conf_visit(struct conf_visited *visited, const struct conf_table *table);
void conf_visited_free(struct conf_visited *visited);

#endif
