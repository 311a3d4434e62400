/* SPDX-License-Identifier: MIT */
#include "proxy/rules/balance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"

/* How fast a slow response is forgotten: after so long its excess has sunk to 37%. */
static const double EWMA_DECAY = 10e9;

/* Response times are averaged over the last one or two of these. */
static const int64_t HALF_WINDOW = 15 * NS_PER_S;

/* A failed request is no fast one: it counts as at least this, and as twice what was expected, so
 * that one that always fails ends up behind one that is always slow. */
static const double FAILURE_LEAST = 1e9, FAILURE_MOST = 60e9;

static bool is_excluded(const struct balance *balance, size_t peer)
{
    return balance->peers[peer].excluded == balance->choice;
}

/* ---- by a key */

/* How many requests a peer may have under way, so that none has more than `bound` times its even
 * part: Mirrokni et al., "Consistent hashing with bounded loads", 2018. */
static bool is_overloaded(const struct balance *balance, size_t peer)
{
    double active = 1, weight = 0;
    if (balance->bound <= 0)
        return false;
    for (size_t i = 0; i < balance->count; i++) {
        if (is_excluded(balance, i))
            continue;
        active += balance->peers[i].active;
        weight += balance->peers[i].weight;
    }
    double most = ceil(balance->bound * active * balance->peers[peer].weight / weight);
    return balance->peers[peer].active >= most;
}

static int choose_by_hash(struct balance *balance, uint64_t key, mono now)
{
    const struct placement *placement = &balance->placement;
    size_t at = placement_find(placement, key);
    for (size_t i = 0; i < placement->length; i++) {
        size_t peer = placement->peers[at];
        if (!is_excluded(balance, peer) && !is_overloaded(balance, peer))
            return (int)peer;
        at = at + 1 == placement->length ? 0 : at + 1;
    }
    return -1;
}

/* ---- in turn */

/* The greatest number that divides all weights. */
static uint32_t common_weight(const struct balance *balance)
{
    uint32_t common = 0;
    for (size_t i = 0; i < balance->count; i++) {
        uint32_t rest = balance->peers[i].weight;
        while (rest) {
            uint32_t next = common % rest;
            common = rest;
            rest = next;
        }
    }
    return common;
}

/* Every peer as often as its weight, spread evenly: nginx's smooth weighted round robin, laid out
 * once. The order repeats after the sum of the weights in lowest terms. */
static void lay_out_order(struct balance *balance)
{
    size_t count = balance->count, total = 0;
    uint32_t common = common_weight(balance);
    int64_t *credit = mem_alloc(count, sizeof(*credit));
    for (size_t i = 0; i < count; i++)
        total += balance->peers[i].weight / common;
    balance->order = mem_alloc(total, sizeof(*balance->order));
    balance->order_length = total;
    for (size_t at = 0; at < total; at++) {
        size_t best = 0;
        for (size_t i = 0; i < count; i++) {
            credit[i] += balance->peers[i].weight / common;
            if (credit[i] > credit[best])
                best = i;
        }
        credit[best] -= (int64_t)total;
        balance->order[at] = (uint16_t)best;
    }
    free(credit);
}

static int choose_in_turn(struct balance *balance, uint64_t key, mono now)
{
    for (size_t i = 0; i < balance->order_length; i++) {
        size_t at = balance->next;
        balance->next = at + 1 == balance->order_length ? 0 : at + 1;
        if (!is_excluded(balance, balance->order[at]))
            return balance->order[at];
    }
    return -1;
}

/* ---- at random */

/* By weight, out of those that are not excluded; `but` is excluded too. -1 when there is none. */
static int draw(struct balance *balance, int but)
{
    uint64_t total = 0;
    for (size_t i = 0; i < balance->count; i++)
        if ((int)i != but && !is_excluded(balance, i))
            total += balance->peers[i].weight;
    if (total == 0)
        return -1;
    uint64_t at = rng_below(balance->rng, total);
    for (size_t i = 0; i < balance->count; i++) {
        if ((int)i == but || is_excluded(balance, i))
            continue;
        if (at < balance->peers[i].weight)
            return (int)i;
        at -= balance->peers[i].weight;
    }
    return -1;
}

static int choose_at_random(struct balance *balance, uint64_t key, mono now)
{
    return draw(balance, -1);
}

/* ---- by cost */

typedef double peer_cost(const struct balance_peer *peer, mono now);

static double cost_of_requests(const struct balance_peer *peer, mono now)
{
    return (double)(peer->active + 1) / peer->weight;
}

/* Nothing seen yet: worth one request, and no more until it has come back. */
static double cost_of_unknown(const struct balance_peer *peer)
{
    return peer->active == 0 ? 0 : 1e18 * peer->active;
}

/* Response times expected of a peer; negative when nothing is known. */
static double expected_peak(const struct balance_peer *peer, mono now)
{
    if (!mono_is_set(peer->ewma_at))
        return -1;
    return peer->ewma * exp(-(double)mono_between(peer->ewma_at, now).ns / EWMA_DECAY);
}

static int64_t half_of(mono now)
{
    return now.ns / HALF_WINDOW;
}

static double expected_mean(const struct balance_peer *peer, mono now)
{
    int64_t age = half_of(now) - peer->half;
    double sum = 0;
    uint64_t count = 0;
    for (int64_t i = 0; i + age < 2; i++) {
        sum += peer->sum[i];
        count += peer->count[i];
    }
    return count > 0 ? sum / (double)count : -1;
}

static double cost_of_time(const struct balance_peer *peer, double expected, mono now)
{
    return expected < 0 ? cost_of_unknown(peer) : (expected + 1) * cost_of_requests(peer, now);
}

static double cost_of_peaks(const struct balance_peer *peer, mono now)
{
    return cost_of_time(peer, expected_peak(peer, now), now);
}

static double cost_of_responses(const struct balance_peer *peer, mono now)
{
    return cost_of_time(peer, expected_mean(peer, now), now);
}

static int cheaper_of_two(struct balance *balance, peer_cost *cost, mono now)
{
    int first = draw(balance, -1);
    int second = first < 0 ? -1 : draw(balance, first);
    if (second < 0)
        return first;
    return cost(&balance->peers[second], now) < cost(&balance->peers[first], now) ? second : first;
}

/* The cheapest of all; among equals the one whose turn it is. */
static int cheapest(struct balance *balance, peer_cost *cost, mono now)
{
    size_t start = balance->next++ % balance->count;
    int best = -1;
    double least = 0;
    for (size_t i = 0; i < balance->count; i++) {
        size_t peer = (start + i) % balance->count;
        if (is_excluded(balance, peer))
            continue;
        double its = cost(&balance->peers[peer], now);
        if (best >= 0 && its >= least)
            continue;
        best = (int)peer;
        least = its;
    }
    return best;
}

static int choose_of_two(struct balance *balance, uint64_t key, mono now)
{
    return cheaper_of_two(balance, cost_of_requests, now);
}

static int choose_least_requests(struct balance *balance, uint64_t key, mono now)
{
    return cheapest(balance, cost_of_requests, now);
}

/* Of two, not of all: workers do not know of one another's requests, and would all run to the same
 * endpoint. */
static int choose_lower_peak(struct balance *balance, uint64_t key, mono now)
{
    return cheaper_of_two(balance, cost_of_peaks, now);
}

static int choose_shortest_response(struct balance *balance, uint64_t key, mono now)
{
    return cheapest(balance, cost_of_responses, now);
}

/* ---- learning */

static void learn_peak(struct balance_peer *peer, double took, mono now)
{
    double elapsed = (double)mono_between(peer->ewma_at, now).ns;
    double kept = mono_is_set(peer->ewma_at) ? exp(-elapsed / EWMA_DECAY) : 0;
    peer->ewma = took > peer->ewma * kept ? took : peer->ewma * kept + took * (1 - kept);
    peer->ewma_at = now;
}

static void learn_mean(struct balance_peer *peer, double took, mono now)
{
    int64_t age = half_of(now) - peer->half;
    if (age > 0) {
        peer->sum[1] = age == 1 ? peer->sum[0] : 0;
        peer->count[1] = age == 1 ? peer->count[0] : 0;
        peer->sum[0] = 0;
        peer->count[0] = 0;
        peer->half += age;
    }
    peer->sum[0] += took;
    peer->count[0]++;
}

/* ---- the table */

static const struct {
    int (*choose)(struct balance *balance, uint64_t key, mono now);
    /* Of those that learn of response times; NULL: it does not. */
    void (*learn)(struct balance_peer *peer, double took, mono now);
    double (*expected)(const struct balance_peer *peer, mono now);
} algorithms[BALANCE_COUNT] = {
    [BALANCE_ROUND_ROBIN] = {choose_in_turn, NULL, NULL},
    [BALANCE_RANDOM] = {choose_at_random, NULL, NULL},
    [BALANCE_TWO_CHOICES] = {choose_of_two, NULL, NULL},
    [BALANCE_LEAST_REQUESTS] = {choose_least_requests, NULL, NULL},
    [BALANCE_PEAK_EWMA] = {choose_lower_peak, learn_peak, expected_peak},
    [BALANCE_SHORTEST_RESPONSE] = {choose_shortest_response, learn_mean, expected_mean},
    [BALANCE_CONSISTENT_HASH] = {choose_by_hash, NULL, NULL},
};

int balance_choose(struct balance *balance, uint64_t key, mono now)
{
    return balance->left > 0 ? algorithms[balance->algorithm].choose(balance, key, now) : -1;
}

bool balance_learns(const struct balance *balance)
{
    return algorithms[balance->algorithm].learn != NULL;
}

static double failure_time(const struct balance *balance, size_t peer, mono now)
{
    double twice = 2 * algorithms[balance->algorithm].expected(&balance->peers[peer], now);
    return twice < FAILURE_LEAST ? FAILURE_LEAST : twice < FAILURE_MOST ? twice : FAILURE_MOST;
}

void balance_learn(struct balance *balance, size_t peer, duration took, bool failed, mono now)
{
    double ns = (double)took.ns;
    double least = failed ? failure_time(balance, peer, now) : 0;
    algorithms[balance->algorithm].learn(&balance->peers[peer], ns > least ? ns : least, now);
}

void balance_init(struct balance *balance, const struct balance_config *config, struct rng *rng,
                  const struct peer_spec *specs, size_t count)
{
    *balance = (struct balance){
        .algorithm = (enum balance_algorithm)config->rule, .rng = rng, .count = count};
    balance->peers = mem_alloc(count, sizeof(*balance->peers));
    for (size_t i = 0; i < count; i++)
        balance->peers[i].weight = (uint32_t)specs[i].weight;
    if (count == 0)
        return;
    if (balance->algorithm == BALANCE_ROUND_ROBIN)
        lay_out_order(balance);
    if (balance->algorithm == BALANCE_CONSISTENT_HASH) {
        placement_init(&balance->placement, (enum placement_kind)config->table, specs, count);
        balance->bound = config->bound;
    }
}

void balance_start_at(struct balance *balance, size_t turn)
{
    size_t turns = balance->order_length ? balance->order_length : balance->count;
    balance->next = turns ? turn % turns : 0;
}

void balance_inherit(struct balance_peer *peer, const struct balance_peer *from)
{
    peer->ewma = from->ewma;
    peer->ewma_at = from->ewma_at;
    peer->half = from->half;
    memcpy(peer->sum, from->sum, sizeof(peer->sum));
    memcpy(peer->count, from->count, sizeof(peer->count));
}

void balance_release(struct balance *balance)
{
    free(balance->peers);
    free(balance->order);
    placement_release(&balance->placement);
    *balance = (struct balance){0};
}
