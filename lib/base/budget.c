/* SPDX-License-Identifier: MIT */
#include "lib/base/budget.h"

static size_t slot_of(int64_t second)
{
    return (size_t)(second % BUDGET_SECONDS);
}

static void forget(struct budget *budget, size_t slot)
{
    budget->earned[slot] = 0;
    budget->spent[slot] = 0;
}

/* Summed anew, not subtracted from: rounding would add up over the days. */
static double sum(const struct budget *budget)
{
    double balance = 0;
    for (size_t i = 0; i < BUDGET_SECONDS; i++)
        balance += budget->earned[i] - budget->spent[i];
    return balance;
}

/* What is older than the stretch counts no more. */
static size_t turn_to(struct budget *budget, mono now)
{
    int64_t second = now.ns / NS_PER_S;
    if (second <= budget->second)
        return slot_of(budget->second);
    int64_t passed = second - budget->second;
    for (int64_t i = 1; i <= passed && i <= BUDGET_SECONDS; i++)
        forget(budget, slot_of(budget->second + i));
    budget->second = second;
    budget->balance = sum(budget);
    return slot_of(second);
}

void budget_earn(struct budget *budget, mono now, double share)
{
    size_t slot = turn_to(budget, now);
    budget->earned[slot] += share;
    budget->balance += share;
}

bool budget_spend(struct budget *budget, mono now, double share)
{
    size_t slot = turn_to(budget, now);
    if (share <= 0 || budget->balance + BUDGET_RESERVE < 1)
        return false;
    budget->spent[slot]++;
    budget->balance -= 1;
    return true;
}
