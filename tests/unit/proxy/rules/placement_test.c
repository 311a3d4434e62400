/* SPDX-License-Identifier: MIT */
/* How keys are spread over peers, and how few of them move. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/base/hash.h"
#include "proxy/rules/placement.h"

enum { PEERS = 10, KEYS = 20000 };

struct names {
    char text[PEERS][24];
    struct peer_spec specs[PEERS];
};

static void name_peers(struct names *names)
{
    for (int i = 0; i < PEERS; i++) {
        snprintf(names->text[i], sizeof(names->text[i]), "10.0.0.%d:80", i + 1);
        names->specs[i] = (struct peer_spec){names->text[i], 1};
    }
}

static uint16_t peer_of(const struct placement *placement, uint64_t key)
{
    return placement->peers[placement_find(placement, key)];
}

static void count_keys(const struct placement *placement, int *counts)
{
    for (int i = 0; i < PEERS; i++)
        counts[i] = 0;
    for (uint64_t key = 0; key < KEYS; key++)
        counts[peer_of(placement, key)]++;
}

static void test_shares_are_even(void **state)
{
    static const int allowed[PLACEMENT_COUNT] = {[PLACEMENT_RING] = 700, [PLACEMENT_MAGLEV] = 300};
    struct names names;
    name_peers(&names);
    for (int kind = 0; kind < PLACEMENT_COUNT; kind++) {
        struct placement placement;
        int counts[PEERS];
        placement_init(&placement, (enum placement_kind)kind, names.specs, PEERS);
        count_keys(&placement, counts);
        for (int i = 0; i < PEERS; i++)
            assert_in_range(counts[i], KEYS / PEERS - allowed[kind], KEYS / PEERS + allowed[kind]);
        placement_release(&placement);
    }
}

static void test_shares_follow_weights(void **state)
{
    struct names names;
    name_peers(&names);
    names.specs[0].weight = 11; /* of 20 */
    for (int kind = 0; kind < PLACEMENT_COUNT; kind++) {
        struct placement placement;
        int counts[PEERS];
        placement_init(&placement, (enum placement_kind)kind, names.specs, PEERS);
        count_keys(&placement, counts);
        assert_in_range(counts[0], KEYS * 45 / 100, KEYS * 65 / 100);
        placement_release(&placement);
    }
}

/* The last peer goes: what was not its own moves little. */
static int moved(enum placement_kind kind)
{
    struct names names;
    struct placement all, fewer;
    int count = 0;
    name_peers(&names);
    placement_init(&all, kind, names.specs, PEERS);
    placement_init(&fewer, kind, names.specs, PEERS - 1);
    for (uint64_t key = 0; key < KEYS; key++) {
        uint16_t before = peer_of(&all, key);
        count += before != PEERS - 1 && before != peer_of(&fewer, key);
    }
    placement_release(&all);
    placement_release(&fewer);
    return count;
}

static void test_few_keys_move(void **state)
{
    assert_int_equal(moved(PLACEMENT_RING), 0);
    assert_in_range(moved(PLACEMENT_MAGLEV), 0, KEYS / 10);
}

/* Gateways on other machines, and those that were started before, must agree. */
static void test_places_are_the_same_everywhere(void **state)
{
    struct names names;
    struct placement placement;
    name_peers(&names);
    assert_true(hash_bytes(0, "alice", 5) == UINT64_C(0xd452c17c8456f330));
    placement_init(&placement, PLACEMENT_RING, names.specs, PEERS);
    assert_int_equal(peer_of(&placement, hash_bytes(0, "alice", 5)), 3);
    placement_release(&placement);
    placement_init(&placement, PLACEMENT_MAGLEV, names.specs, PEERS);
    assert_int_equal(peer_of(&placement, hash_bytes(0, "alice", 5)), 0);
    placement_release(&placement);
}

static void test_the_order_of_peers_does_not_matter(void **state)
{
    struct names names;
    struct placement there, back;
    name_peers(&names);
    struct peer_spec reversed[PEERS];
    for (int i = 0; i < PEERS; i++)
        reversed[i] = names.specs[PEERS - 1 - i];
    placement_init(&there, PLACEMENT_RING, names.specs, PEERS);
    placement_init(&back, PLACEMENT_RING, reversed, PEERS);
    for (uint64_t key = 0; key < KEYS; key++)
        assert_int_equal(peer_of(&there, key), PEERS - 1 - peer_of(&back, key));
    placement_release(&there);
    placement_release(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares_are_even),
        cmocka_unit_test(test_shares_follow_weights),
        cmocka_unit_test(test_few_keys_move),
        cmocka_unit_test(test_places_are_the_same_everywhere),
        cmocka_unit_test(test_the_order_of_peers_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
