/* SPDX-License-Identifier: MIT */
#include "proxy/rules/breaker.h"

/* What the word holds. `change` counts changes of state, so that a call that began in an earlier
 * state does not speak in a later one. */
struct view {
    enum breaker_state state;
    uint32_t change;
    uint32_t admitted, done, bad; /* probes; of the half-open state only */
};

enum { CHANGE_BITS = 20, PROBE_BITS = 14 };
static const uint64_t CHANGE_MASK = (UINT64_C(1) << CHANGE_BITS) - 1;
static const uint64_t PROBE_MASK = (UINT64_C(1) << PROBE_BITS) - 1;

static uint64_t pack(struct view view)
{
    uint64_t word = view.state;
    word = word << CHANGE_BITS | (view.change & CHANGE_MASK);
    word = word << PROBE_BITS | view.admitted;
    word = word << PROBE_BITS | view.done;
    return word << PROBE_BITS | view.bad;
}

static struct view unpack(uint64_t word)
{
    return (struct view){.state = (enum breaker_state)(word >> (3 * PROBE_BITS + CHANGE_BITS)),
                         .change = (uint32_t)(word >> (3 * PROBE_BITS) & CHANGE_MASK),
                         .admitted = (uint32_t)(word >> (2 * PROBE_BITS) & PROBE_MASK),
                         .done = (uint32_t)(word >> PROBE_BITS & PROBE_MASK),
                         .bad = (uint32_t)(word & PROBE_MASK)};
}

static struct view next_state(struct view view, enum breaker_state state)
{
    return (struct view){.state = state, .change = (view.change + 1) & (uint32_t)CHANGE_MASK};
}

static struct breaker_ticket ticket_of(struct view view)
{
    return (struct breaker_ticket){view.change + 1};
}

void breaker_configure(struct breaker *breaker, const struct breaker_config *config)
{
    window_init(&breaker->errors, config->window);
    window_init(&breaker->slow, config->window);
    if (!breaker_is_on(config))
        atomic_store(&breaker->word, 0);
}

enum breaker_state breaker_state(const struct breaker *breaker)
{
    return unpack(atomic_load_explicit(&breaker->word, memory_order_relaxed)).state;
}

/* The word once a call has been let through; the same when none may be. */
static struct view admit(const struct breaker *breaker, const struct breaker_config *config,
                         mono now, struct view view, bool *admitted)
{
    bool waited = now.ns >= atomic_load_explicit(&breaker->open_until, memory_order_acquire);
    if (view.state == BREAKER_OPEN && waited)
        view = next_state(view, BREAKER_HALF_OPEN);
    *admitted = view.state == BREAKER_CLOSED ||
                (view.state == BREAKER_HALF_OPEN && view.admitted < config->probes);
    if (*admitted && view.state == BREAKER_HALF_OPEN)
        view.admitted++;
    return view;
}

bool breaker_would_admit(const struct breaker *breaker, const struct breaker_config *config,
                         mono now)
{
    bool admitted;
    (void)admit(breaker, config, now, unpack(atomic_load(&breaker->word)), &admitted);
    return admitted;
}

bool breaker_admit(struct breaker *breaker, const struct breaker_config *config, mono now,
                   struct breaker_ticket *ticket, struct breaker_change *change)
{
    uint64_t word = atomic_load_explicit(&breaker->word, memory_order_acquire);
    struct view before, after;
    bool admitted;
    do {
        before = unpack(word);
        after = admit(breaker, config, now, before, &admitted);
        if (!admitted || before.state == BREAKER_CLOSED)
            break; /* the word stays as it is */
    } while (!atomic_compare_exchange_weak(&breaker->word, &word, pack(after)));
    *ticket = admitted ? ticket_of(after) : (struct breaker_ticket){0};
    *change = (struct breaker_change){.changed = admitted && before.state != after.state,
                                      .to = after.state};
    return admitted;
}

/* Whether what the window holds opens the breaker. */
static bool is_too_much(const struct breaker_config *config, double ratio, int64_t count,
                        struct window_sum sum)
{
    if (count > 0 && sum.bad >= (uint64_t)count)
        return true;
    return ratio > 0 && sum.all >= (uint64_t)config->minimum &&
           (double)sum.bad >= ratio * (double)sum.all;
}

/* Whether a state change from `before` was this call's doing. */
static bool change_state(struct breaker *breaker, struct view before, enum breaker_state to)
{
    uint64_t word = pack(before);
    return atomic_compare_exchange_strong(&breaker->word, &word, pack(next_state(before, to)));
}

/* What the calls in the window open the breaker for. */
static bool find_reason(const struct breaker *breaker, const struct breaker_config *config,
                        mono now, struct breaker_change *reason)
{
    struct window_sum sum = window_sum(&breaker->errors, now);
    reason->slow = !is_too_much(config, config->error_ratio, config->error_count, sum);
    if (reason->slow) {
        sum = window_sum(&breaker->slow, now);
        if (!is_too_much(config, config->slow_ratio, 0, sum))
            return false;
    }
    reason->bad = sum.bad;
    reason->all = sum.all;
    return true;
}

static void count_call(struct breaker *breaker, const struct breaker_config *config, mono now,
                       struct view view, unsigned verdict, struct breaker_change *change)
{
    window_add(&breaker->errors, now, verdict & BREAKER_FAILED);
    window_add(&breaker->slow, now, verdict & BREAKER_SLOW);
    /* A good call opens no breaker. */
    if (verdict == BREAKER_GOOD || !find_reason(breaker, config, now, change))
        return;
    atomic_store_explicit(&breaker->open_until, mono_add(now, config->open_for).ns,
                          memory_order_release);
    change->changed = change_state(breaker, view, BREAKER_OPEN);
    change->to = BREAKER_OPEN;
}

/* How many of the probes may be bad at most. */
static uint32_t bad_probes_allowed(const struct breaker_config *config)
{
    double ratio = 1;
    if (config->error_count > 0)
        ratio = 0;
    if (config->error_ratio > 0 && config->error_ratio < ratio)
        ratio = config->error_ratio;
    if (config->slow_ratio > 0 && config->slow_ratio < ratio)
        ratio = config->slow_ratio;
    uint32_t too_many = (uint32_t)(ratio * (double)config->probes + 0.999999);
    return too_many > 0 ? too_many - 1 : 0;
}

/* The word once a probe has ended. */
static struct view end_probe(const struct breaker_config *config, struct view view,
                             unsigned verdict)
{
    if (verdict & BREAKER_NEITHER) {
        view.admitted--;
        return view;
    }
    view.done++;
    view.bad += verdict != BREAKER_GOOD;
    if (view.bad > bad_probes_allowed(config))
        return next_state(view, BREAKER_OPEN);
    if (view.done >= config->probes)
        return next_state(view, BREAKER_CLOSED);
    return view;
}

static void settle_probe(struct breaker *breaker, const struct breaker_config *config, mono now,
                         struct view view, unsigned verdict, struct breaker_change *change)
{
    struct view after = end_probe(config, view, verdict);
    uint64_t word = pack(view);
    for (;;) {
        if (after.state == BREAKER_OPEN)
            atomic_store_explicit(&breaker->open_until, mono_add(now, config->open_for).ns,
                                  memory_order_release);
        if (after.state == BREAKER_CLOSED) {
            window_clear(&breaker->errors);
            window_clear(&breaker->slow);
        }
        if (atomic_compare_exchange_strong(&breaker->word, &word, pack(after)))
            break;
        struct view other = unpack(word);
        if (other.change != view.change)
            return; /* another probe has decided */
        view = other;
        after = end_probe(config, view, verdict);
    }
    if (after.state != BREAKER_HALF_OPEN)
        *change = (struct breaker_change){.changed = true,
                                          .to = after.state,
                                          .bad = view.bad + (verdict != BREAKER_GOOD),
                                          .all = view.done + 1};
}

void breaker_settle(struct breaker *breaker, const struct breaker_config *config, mono now,
                    struct breaker_ticket *ticket, unsigned verdict, struct breaker_change *change)
{
    struct view view = unpack(atomic_load_explicit(&breaker->word, memory_order_acquire));
    bool stale = ticket->change == 0 || ticket->change != view.change + 1;
    *change = (struct breaker_change){.changed = false, .to = view.state};
    *ticket = (struct breaker_ticket){0};
    /* Slow calls are none of the business of a breaker that has no ratio for them. */
    if (config->slow_ratio <= 0)
        verdict &= ~(unsigned)BREAKER_SLOW;
    if (stale)
        return;
    if (view.state == BREAKER_HALF_OPEN)
        settle_probe(breaker, config, now, view, verdict, change);
    else if (view.state == BREAKER_CLOSED && !(verdict & BREAKER_NEITHER))
        count_call(breaker, config, now, view, verdict, change);
}
