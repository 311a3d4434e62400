/* SPDX-License-Identifier: MIT */
#include "proxy/rules/window.h"

/* A slot's word: 20 bits of turn (how often the window has come round to it), then the counts. */
enum { COUNT_BITS = 22, TURN_BITS = 20 };
static const uint64_t COUNT_MAX = (UINT64_C(1) << COUNT_BITS) - 1;
static const uint64_t TURN_MAX = (UINT64_C(1) << TURN_BITS) - 1;

static uint64_t pack(uint64_t turn, uint64_t all, uint64_t bad)
{
    return turn << (2 * COUNT_BITS) | all << COUNT_BITS | bad;
}

static uint64_t turn_of(uint64_t word)
{
    return word >> (2 * COUNT_BITS);
}

static uint64_t all_of(uint64_t word)
{
    return word >> COUNT_BITS & COUNT_MAX;
}

static uint64_t bad_of(uint64_t word)
{
    return word & COUNT_MAX;
}

/* The number of the slot that `now` falls into, counted from the start of the clock. Numbers begin
 * at 1: a zeroed word belongs to no turn that is still looked at. */
static uint64_t slot_number(const struct window *window, mono now)
{
    int64_t slot = atomic_load_explicit(&window->slot, memory_order_relaxed);
    return (uint64_t)(now.ns / slot) + WINDOW_SLOTS;
}

static uint64_t turn_at(uint64_t number)
{
    return number / WINDOW_SLOTS & TURN_MAX;
}

void window_init(struct window *window, duration length)
{
    int64_t slot = (length.ns + WINDOW_SLOTS - 1) / WINDOW_SLOTS;
    if (atomic_exchange(&window->slot, slot) != slot)
        window_clear(window);
}

void window_clear(struct window *window)
{
    for (int i = 0; i < WINDOW_SLOTS; i++)
        atomic_store_explicit(&window->slots[i], 0, memory_order_relaxed);
}

static uint64_t count_in(uint64_t word, uint64_t turn, bool bad)
{
    if (turn_of(word) != turn)
        return pack(turn, 1, bad);
    uint64_t all = all_of(word), already = bad_of(word);
    if (all == COUNT_MAX)
        return pack(turn, all / 2 + 1, already / 2 + bad);
    return pack(turn, all + 1, already + bad);
}

void window_add(struct window *window, mono now, bool bad)
{
    uint64_t number = slot_number(window, now), turn = turn_at(number);
    _Atomic uint64_t *slot = &window->slots[number % WINDOW_SLOTS];
    uint64_t word = atomic_load_explicit(slot, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(slot, &word, count_in(word, turn, bad),
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

struct window_sum window_sum(const struct window *window, mono now)
{
    uint64_t last = slot_number(window, now);
    struct window_sum sum = {0, 0};
    for (uint64_t number = last - WINDOW_SLOTS + 1; number <= last; number++) {
        uint64_t word =
            atomic_load_explicit(&window->slots[number % WINDOW_SLOTS], memory_order_relaxed);
        if (turn_of(word) != turn_at(number))
            continue;
        sum.all += all_of(word);
        sum.bad += bad_of(word);
    }
    return sum;
}
