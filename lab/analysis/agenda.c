/* SPDX-License-Identifier: MIT */
#include "lab/analysis/agenda.h"

#include <stdlib.h>

#include "lib/base/memory.h"

static bool before(const struct agenda_event *one, const struct agenda_event *other)
{
    return one->at < other->at || (one->at == other->at && one->order < other->order);
}

void agenda_enter(struct agenda *agenda, struct agenda_event event)
{
    agenda->heap = mem_room(agenda->heap, agenda->count, &agenda->capacity, sizeof(*agenda->heap));
    event.order = agenda->entered++;
    size_t at = agenda->count++;
    for (; at > 0 && before(&event, &agenda->heap[(at - 1) / 2]); at = (at - 1) / 2)
        agenda->heap[at] = agenda->heap[(at - 1) / 2];
    agenda->heap[at] = event;
}

bool agenda_next(struct agenda *agenda, struct agenda_event *event)
{
    if (agenda->count == 0)
        return false;
    struct agenda_event *heap = agenda->heap;
    *event = heap[0];
    const struct agenda_event last = heap[--agenda->count];
    size_t at = 0;
    for (size_t child = 1; child < agenda->count; child = 2 * at + 1) {
        child += child + 1 < agenda->count && before(&heap[child + 1], &heap[child]);
        if (!before(&heap[child], &last))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = last;
    return true;
}

void agenda_free(struct agenda *agenda)
{
    free(agenda->heap);
    *agenda = (struct agenda){0};
}
