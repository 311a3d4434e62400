/* SPDX-License-Identifier: MIT */
#include "proxy/rules/placement.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/hash.h"
#include "lib/base/memory.h"

/* Places on the ring per peer of average weight: with ten peers their shares differ by some ten per
 * cent. */
enum { RING_POINTS = 160 };

/* A prime, as Maglev's permutations need; large against the number of peers. */
enum { MAGLEV_LENGTH = 65537, NOBODY = 0xffff };

static uint64_t hash_of_name(const struct peer_spec *spec)
{
    return hash_bytes(0, spec->name, strlen(spec->name));
}

/* ---- ring */

struct point {
    uint64_t at;
    uint16_t peer;
};

static int by_place(const void *a, const void *b)
{
    const struct point *left = a, *right = b;
    if (left->at != right->at)
        return left->at < right->at ? -1 : 1;
    return (left->peer > right->peer) - (left->peer < right->peer);
}

static size_t points_of(const struct peer_spec *specs, size_t count, size_t peer)
{
    double total = 0;
    for (size_t i = 0; i < count; i++)
        total += (double)specs[i].weight;
    double points = RING_POINTS * (double)count * (double)specs[peer].weight / total;
    return points < 1 ? 1 : (size_t)(points + 0.5);
}

static void lay_out_ring(struct placement *placement, const struct peer_spec *specs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        placement->length += points_of(specs, count, i);
    struct point *points = mem_alloc(placement->length, sizeof(*points)), *next = points;
    for (size_t i = 0; i < count; i++) {
        uint64_t start = hash_of_name(&specs[i]);
        size_t own = points_of(specs, count, i);
        for (size_t j = 0; j < own; j++)
            *next++ = (struct point){hash_mix(start + hash_mix(j + 1)), (uint16_t)i};
    }
    qsort(points, placement->length, sizeof(*points), by_place);
    placement->peers = mem_alloc(placement->length, sizeof(*placement->peers));
    placement->at = mem_alloc(placement->length, sizeof(*placement->at));
    for (size_t i = 0; i < placement->length; i++) {
        placement->peers[i] = points[i].peer;
        placement->at[i] = points[i].at;
    }
    free(points);
}

/* The first place at or behind the key, all the way round. */
static size_t find_on_ring(const struct placement *placement, uint64_t key)
{
    size_t low = 0, high = placement->length;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (placement->at[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low == placement->length ? 0 : low;
}

/* ---- maglev */

/* A peer walks through all places in an order of its own and takes the next free one. */
struct walker {
    uint64_t at, step;
    double due; /* places it may have taken by now, less those it has */
};

static void take_place(struct placement *placement, struct walker *walker, size_t peer)
{
    while (placement->peers[walker->at] != NOBODY)
        walker->at = (walker->at + walker->step) % MAGLEV_LENGTH;
    placement->peers[walker->at] = (uint16_t)peer;
}

static void lay_out_maglev(struct placement *placement, const struct peer_spec *specs, size_t count)
{
    struct walker *walkers = mem_alloc(count, sizeof(*walkers));
    double heaviest = 0;
    size_t taken = 0;
    placement->length = MAGLEV_LENGTH;
    placement->peers = mem_alloc(MAGLEV_LENGTH, sizeof(*placement->peers));
    memset(placement->peers, 0xff, MAGLEV_LENGTH * sizeof(*placement->peers));
    for (size_t i = 0; i < count; i++) {
        uint64_t hash = hash_of_name(&specs[i]);
        walkers[i] = (struct walker){.at = hash % MAGLEV_LENGTH,
                                     .step = hash_mix(hash) % (MAGLEV_LENGTH - 1) + 1};
        heaviest = (double)specs[i].weight > heaviest ? (double)specs[i].weight : heaviest;
    }
    while (taken < MAGLEV_LENGTH) {
        for (size_t i = 0; i < count && taken < MAGLEV_LENGTH; i++) {
            walkers[i].due += (double)specs[i].weight / heaviest;
            if (walkers[i].due < 1)
                continue;
            walkers[i].due -= 1;
            take_place(placement, &walkers[i], i);
            taken++;
        }
    }
    free(walkers);
}

/* ---- both */

void placement_init(struct placement *placement, enum placement_kind kind,
                    const struct peer_spec *specs, size_t count)
{
    *placement = (struct placement){.kind = kind};
    if (kind == PLACEMENT_RING)
        lay_out_ring(placement, specs, count);
    else
        lay_out_maglev(placement, specs, count);
}

void placement_release(struct placement *placement)
{
    free(placement->peers);
    free(placement->at);
    *placement = (struct placement){0};
}

size_t placement_find(const struct placement *placement, uint64_t key)
{
    /* Keys of a caller's own making may lie close together. */
    uint64_t mixed = hash_mix(key);
    if (placement->kind == PLACEMENT_RING)
        return find_on_ring(placement, mixed);
    return mixed % MAGLEV_LENGTH;
}
