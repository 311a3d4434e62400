/* SPDX-License-Identifier: MIT */
#include "proxy/rules/rate.h"

#include <math.h>

/* Parts of a request in which a bucket counts how cold it is. */
#define COLD_PARTS 1048576.0

/* The interval falls in a straight line from the cold to the full one as requests are let through
 * (the idea of Guava's SmoothWarmingUp), so that under load warming up takes `warm_up`: that many
 * requests at the mean of both intervals. */
void rate_rule_init(struct rate_rule *rule, const struct rate_terms *terms)
{
    double interval = (double)NS_PER_S / terms->rate;
    *rule = (struct rate_rule){.interval = interval,
                               .cold_interval = interval / terms->cold,
                               .warm_up = terms->warm_up,
                               .burst = terms->burst,
                               .queue = terms->queue,
                               .max_wait = terms->max_wait};
    rule->cold_full = 2 * (double)terms->warm_up.ns / (interval + rule->cold_interval);
}

static double interval_at(const struct rate_rule *rule, double cold)
{
    return rule->interval + (rule->cold_interval - rule->interval) * cold / rule->cold_full;
}

/* How cold the bucket is at `now`: idle time has cooled it down. A gap shorter than the one between
 * two requests is not idle: under load from many clients there always is one. */
static double coldness(const struct rate_rule *rule, int64_t kept, int64_t next, mono now)
{
    double cold = fmin(fmax((double)kept / COLD_PARTS, 0), rule->cold_full);
    double idle = (double)(now.ns - next) - interval_at(rule, cold);
    if (idle > 0)
        cold += rule->cold_full * idle / (double)rule->warm_up.ns;
    return fmin(cold, rule->cold_full);
}

static struct rate_verdict judge(const struct rate_rule *rule, double interval, double wait)
{
    double longest = fmin(rule->queue * interval, (double)rule->max_wait.ns);
    if (wait <= 0)
        return (struct rate_verdict){RATE_ADMITTED, {0}};
    if (wait <= longest)
        return (struct rate_verdict){RATE_ADMITTED, {(int64_t)wait}};
    return (struct rate_verdict){wait > rule->queue * interval ? RATE_FULL : RATE_WAIT_LIMIT,
                                 {(int64_t)ceil(wait - longest)}};
}

struct rate_verdict rate_take(const struct rate_rule *rule, struct rate_bucket *bucket, mono now)
{
    int64_t next = atomic_load_explicit(&bucket->next, memory_order_relaxed);
    for (;;) {
        double interval = rule->interval, cold = 0;
        int64_t kept = 0, start = next > now.ns ? next : now.ns;
        if (rule->cold_full > 0) {
            kept = atomic_load_explicit(&bucket->cold, memory_order_relaxed);
            cold = coldness(rule, kept, next, now);
            interval = interval_at(rule, cold);
        }
        double wait = (double)(start - now.ns) - (rule->burst - 1) * interval;
        struct rate_verdict verdict = judge(rule, interval, wait);
        if (verdict.result != RATE_ADMITTED)
            return verdict;
        if (!atomic_compare_exchange_weak(&bucket->next, &next, start + (int64_t)interval))
            continue;
        /* What changed is added, so that of two workers' changes none is lost. */
        if (rule->cold_full > 0)
            atomic_fetch_add(&bucket->cold, (int64_t)(fmax(cold - 1, 0) * COLD_PARTS) - kept);
        return verdict;
    }
}

void rate_carry(const struct rate_rule *from_rule, struct rate_bucket *from,
                const struct rate_rule *to_rule, struct rate_bucket *to, mono now)
{
    int64_t next = atomic_load(&from->next);
    double owed = fmax((double)(next - now.ns), 0) / from_rule->interval;
    double left = fmin(from_rule->burst - owed, to_rule->burst);
    double debt = (to_rule->burst - left) * to_rule->interval;
    /* What owes nothing stays idle since when it was: that is how cold it is. */
    atomic_store(&to->next, debt > 0 ? now.ns + (int64_t)debt : next < now.ns ? next : now.ns);
    atomic_store(&to->cold, atomic_load(&from->cold));
}

bool rate_rules_agree(const struct rate_rule *a, const struct rate_rule *b)
{
    return a->interval == b->interval && a->burst == b->burst;
}

bool rate_is_fresh(const struct rate_rule *rule, const struct rate_bucket *bucket, mono now)
{
    int64_t next = atomic_load_explicit(&bucket->next, memory_order_relaxed);
    return (double)(now.ns - next) >=
           (double)rule->warm_up.ns + (rule->cold_full > 0 ? rule->cold_interval : 0);
}
