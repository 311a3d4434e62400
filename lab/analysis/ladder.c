/* SPDX-License-Identifier: MIT */
#include "lab/analysis/ladder.h"

void ladder_add_request(struct ladder *ladder, enum ladder_end end)
{
    ladder->ends[end]++;
}

void ladder_add_work(struct ladder *ladder, const struct ladder_work *work, enum ladder_end end,
                     int64_t done)
{
    int64_t from = done > work->started ? done : work->started;
    int64_t after = work->ended > from ? work->ended - from : 0;
    if (after > work->held)
        after = work->held;
    ladder->held += (double)work->held;
    if (end == LADDER_ANSWERED)
        return; /* what is done behind a response is the client's all the same */
    ladder->in_vain += (double)work->held;
    ladder->unheard += (double)after;
}

bool ladder_is_in_order(int64_t client, int64_t gateway, int64_t backend)
{
    return backend < gateway && gateway < client;
}
