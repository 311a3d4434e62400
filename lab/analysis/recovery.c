/* SPDX-License-Identifier: MIT */
#include "lab/analysis/recovery.h"

static struct recovery_slot sum_of(const struct recovery_slot *slots, size_t from, size_t to)
{
    struct recovery_slot sum = {0};
    for (size_t i = from; i < to; i++) {
        sum.requests += slots[i].requests;
        sum.good += slots[i].good;
        sum.tries += slots[i].tries;
    }
    return sum;
}

static double share_of(struct recovery_slot slot)
{
    return slot.requests > 0 ? (double)slot.good / slot.requests : 0;
}

static double tries_of(struct recovery_slot slot)
{
    return slot.requests > 0 ? (double)slot.tries / slot.requests : 0;
}

/* Half of the slots at least must count. */
static bool is_sparse(const struct recovery_slot *slots, size_t from, size_t to)
{
    size_t filled = 0;
    for (size_t i = from; i < to; i++)
        filled += slots[i].requests >= RECOVERY_LEAST_REQUESTS;
    return 2 * filled < to - from;
}

/* A slot with too few requests speaks neither for nor against it. */
static bool is_as_before(const struct recovery *recovery, const struct recovery_slot *slot)
{
    return slot->requests < RECOVERY_LEAST_REQUESTS ||
           share_of(*slot) >= RECOVERY_AS_BEFORE * recovery->before;
}

static bool holds_from(const struct recovery *recovery, const struct recovery_slot *slots,
                       size_t from, size_t hold)
{
    for (size_t i = from; i < from + hold; i++)
        if (!is_as_before(recovery, &slots[i]))
            return false;
    return true;
}

static bool is_touched(const struct recovery *recovery, const struct recovery_slot *slots,
                       size_t from, size_t to)
{
    return !holds_from(recovery, slots, from, to - from);
}

static enum recovery_verdict find(struct recovery *recovery, const struct recovery_slot *slots,
                                  size_t count, size_t began, size_t ended, size_t hold)
{
    if (began < RECOVERY_LEAST_BEFORE)
        return RECOVERY_UNKNOWN_BEFORE;
    if (recovery->watched < 2 * hold || hold == 0)
        return RECOVERY_CUT_OFF;
    if (is_sparse(slots, 0, count))
        return RECOVERY_SPARSE;
    if (recovery->before < RECOVERY_WELL)
        return RECOVERY_UNWELL_BEFORE;
    if (!is_touched(recovery, slots, began, ended + hold))
        return RECOVERY_UNTOUCHED;
    for (size_t at = ended; at + hold <= count; at++)
        if (holds_from(recovery, slots, at, hold)) {
            recovery->slots = at - ended;
            return RECOVERY_RECOVERED;
        }
    return RECOVERY_NOT_WITHIN;
}

void recovery_judge(struct recovery *recovery, const struct recovery_slot *slots, size_t count,
                    size_t began, size_t ended, size_t hold)
{
    ended = ended < count ? ended : count;
    began = began < ended ? began : ended;
    size_t watched = count - ended;
    *recovery = (struct recovery){
        .before = share_of(sum_of(slots, 0, began)),
        .after = share_of(sum_of(slots, count - watched / 4, count)),
        .watched = watched,
    };
    recovery->verdict = find(recovery, slots, count, began, ended, hold);
    bool recovered = recovery->verdict == RECOVERY_RECOVERED && recovery->slots > 0;
    size_t until = recovered ? ended + recovery->slots : count;
    recovery->load = tries_of(sum_of(slots, ended, until));
}
