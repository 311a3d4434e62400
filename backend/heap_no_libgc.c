/* SPDX-License-Identifier: MIT */
/* In place of heap_libgc.c where there is no libgc. */
#include "backend/heap_collector.h"

const struct heap_collector_row *heap_libgc(void)
{
    return NULL;
}
