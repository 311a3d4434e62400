/* SPDX-License-Identifier: MIT */
#include "lab/analysis/outcomes.h"

#include <stdlib.h>
#include <string.h>

#include "lab/analysis/order.h"
#include "lib/base/memory.h"

void outcomes_free(struct outcomes *outcomes)
{
    for (size_t i = 0; i < outcomes->name_count; i++)
        free(outcomes->names[i]);
    free(outcomes->names);
    free(outcomes->rounds);
    free(outcomes->items);
    *outcomes = (struct outcomes){0};
}

static bool has_round(const struct outcomes *outcomes, int64_t number)
{
    for (size_t i = 0; i < outcomes->round_count; i++)
        if (outcomes->rounds[i].number == number)
            return true;
    return false;
}

void outcomes_keep_rounds(struct outcomes *outcomes, const struct outcomes *keep)
{
    size_t rounds = 0, count = 0;
    for (size_t i = 0; i < outcomes->round_count; i++) {
        struct outcome_round round = outcomes->rounds[i];
        if (!has_round(keep, round.number))
            continue;
        memmove(outcomes->items + count, outcomes->items + round.from,
                round.count * sizeof(*outcomes->items));
        round.from = count;
        count += round.count;
        outcomes->rounds[rounds++] = round;
    }
    outcomes->round_count = rounds;
    outcomes->count = count;
}

int64_t outcomes_lag(const struct outcomes *outcomes, double share)
{
    if (outcomes->count == 0)
        return 0;
    int64_t *lags = mem_alloc(outcomes->count, sizeof(*lags));
    for (size_t i = 0; i < outcomes->count; i++)
        lags[i] = outcomes->items[i].lag;
    size_t rank = (size_t)(share * (double)(outcomes->count - 1));
    int64_t lag = order_at(lags, outcomes->count, rank);
    free(lags);
    return lag;
}

static bool same_request(const struct outcomes *a, const struct outcome *one,
                         const struct outcomes *b, const struct outcome *other)
{
    return one->at == other->at && strcmp(a->names[one->target], b->names[other->target]) == 0;
}

bool outcomes_same_arrivals(const struct outcomes *a, const struct outcomes *b)
{
    if (a->round_count != b->round_count || a->count != b->count)
        return false;
    for (size_t i = 0; i < a->round_count; i++)
        if (a->rounds[i].number != b->rounds[i].number ||
            a->rounds[i].count != b->rounds[i].count ||
            a->rounds[i].duration != b->rounds[i].duration)
            return false;
    for (size_t i = 0; i < a->count; i++)
        if (!same_request(a, &a->items[i], b, &b->items[i]))
            return false;
    return true;
}
