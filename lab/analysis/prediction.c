/* SPDX-License-Identifier: MIT */
#include "lab/analysis/prediction.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lab/analysis/blocks.h"
#include "lab/analysis/student.h"
#include "lib/base/memory.h"

enum { SLOTS = 200, DRAWS = 400, FEW = 10 };

/* What is neither predicted nor measured without error: both ends of a comparison vary. */
static const double BOTH = 1.41421356237309505;

/* Where all that is slow ends at one timeout, the share above it says nothing of the time: timers,
 * clocks and the histogram's buckets are off by so much of it at least. */
static const double NO_NEARER = 0.01;

/* Events and requests by slot of time. */
struct series {
    struct slot_layout layout;
    size_t *sizes;
    double *events, *requests;
};

static int64_t slot_length(const struct trace *trace)
{
    int64_t longest = 0;
    for (size_t i = 0; i < trace->round_count; i++)
        if (trace->rounds[i].duration > longest)
            longest = trace->rounds[i].duration;
    int64_t slot = longest / SLOTS;
    return slot > 10 * NS_PER_MS ? slot : 10 * NS_PER_MS;
}

static void series_init(struct series *series, const struct trace *trace, int64_t slot)
{
    series->sizes = mem_alloc(trace->round_count + 1, sizeof(*series->sizes));
    size_t total = 0;
    for (size_t i = 0; i < trace->round_count; i++) {
        int64_t length = trace->rounds[i].duration;
        /* A round of no length still has one slot: whoever is in it must be counted somewhere. */
        series->sizes[i] = length > slot ? (size_t)((length + slot - 1) / slot) : 1;
        total += series->sizes[i];
    }
    series->layout = (struct slot_layout){series->sizes, trace->round_count, total};
    series->events = mem_alloc(total + 1, sizeof(*series->events));
    series->requests = mem_alloc(total + 1, sizeof(*series->requests));
}

static void series_free(struct series *series)
{
    free(series->sizes);
    free(series->events);
    free(series->requests);
}

/* Failures, or (with `above` not negative) latencies above that. */
static void fill(struct series *series, const struct trace *trace,
                 const struct replay_outcome *outcomes, int64_t above, int64_t slot)
{
    size_t base = 0;
    for (size_t r = 0; r < trace->round_count; base += series->sizes[r++])
        for (size_t i = trace->rounds[r].from; i < trace->rounds[r].from + trace->rounds[r].count;
             i++) {
            if (!trace->requests[i].measured)
                continue;
            int64_t at = trace->requests[i].intended / slot;
            at = at < 0 ? 0 : at;
            at = at < (int64_t)series->sizes[r] ? at : (int64_t)series->sizes[r] - 1;
            bool event = above >= 0 ? outcomes[i].latency > above : outcomes[i].failed;
            series->events[base + (size_t)at] += event;
            series->requests[base + (size_t)at]++;
        }
}

static double sum_of(const double *numbers, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += numbers[i];
    return sum;
}

/* What one draw adds up to. */
struct drawn {
    const struct series *series;
    double events, requests;
};

static void add_block(void *context, size_t round, size_t size, size_t at, size_t count)
{
    struct drawn *drawn = context;
    for (size_t i = 0; i < count; i++) {
        size_t slot = round + (at + i) % size;
        drawn->events += drawn->series->events[slot];
        drawn->requests += drawn->series->requests[slot];
    }
}

/* The standard deviation of the share of events, over draws of blocks. */
static double spread(const struct series *series, size_t length, struct rng *rng)
{
    double sum = 0, squares = 0;
    for (size_t n = 0; n < DRAWS; n++) {
        struct drawn drawn = {.series = series};
        blocks_draw(rng, &series->layout, length, add_block, &drawn);
        double share = drawn.requests > 0 ? drawn.events / drawn.requests : 0;
        sum += share;
        squares += share * share;
    }
    double mean = sum / DRAWS, variance = squares / DRAWS - mean * mean;
    return variance > 0 ? sqrt(variance) : 0;
}

/* Half the width of the interval of a share. */
static double half_width(const struct series *series, double share, double *blocks, uint64_t seed)
{
    size_t total = series->layout.total;
    double *off = mem_alloc(total + 1, sizeof(*off));
    for (size_t i = 0; i < total; i++)
        off[i] = series->events[i] - share * series->requests[i];
    size_t length = blocks_length(off, &series->layout);
    double freedom = blocks_freedom(off, &series->layout, length);
    free(off);
    struct rng rng;
    rng_init_stream(&rng, seed, "whatif-intervals", 0);
    double error = spread(series, length, &rng);
    *blocks = (double)blocks_count(&series->layout, length);
    return student_quantile(0.025, fmax(freedom, 2)) * error * BOTH;
}

/* What never happened may still be so frequent (Hanley and Lippman-Hand, "If nothing goes wrong, is
 * everything all right?", JAMA 249, 1983): three by the number of independent chances, which are
 * blocks of time here. */
static double of_nothing(double blocks)
{
    return 3 / fmax(blocks, 3);
}

static void find_rate(struct prediction *prediction, struct series *series, double stretch,
                      uint64_t seed)
{
    double requests = (double)prediction->requests, failures = (double)prediction->failures;
    struct prediction_range *rate = &prediction->failure_rate;
    double all = sum_of(series->requests, series->layout.total);
    rate->value = failures / requests;
    double half = half_width(series, all > 0 ? rate->value : 0, &prediction->blocks, seed);
    /* With few failures chance alone is wider than the blocks show. */
    half = fmax(half, 1.96 * BOTH * sqrt(rate->value * (1 - rate->value) / requests)) * stretch;
    rate->low = fmax(0, rate->value - half);
    rate->high = fmin(1, rate->value + half);
    if (prediction->failures == 0)
        rate->high = of_nothing(prediction->blocks);
    if (prediction->failures == prediction->requests)
        rate->low = 1 - of_nothing(prediction->blocks);
    rate->low = fmax(0, rate->low - (double)prediction->unresolved / requests);
}

static double ms_at(const struct hist *latency, double share)
{
    share = fmin(fmax(share, 0), 1);
    return (double)hist_quantile(latency, share).ns / (double)NS_PER_MS;
}

static void find_p99(struct prediction *prediction, const struct trace *trace,
                     const struct replay_outcome *outcomes, double stretch, uint64_t seed)
{
    int64_t slot = slot_length(trace), quantile = hist_quantile(prediction->latency, 0.99).ns;
    struct series series;
    double blocks;
    series_init(&series, trace, slot);
    fill(&series, trace, outcomes, quantile, slot);
    double half = half_width(&series, 0.01, &blocks, seed) * stretch;
    series_free(&series);
    double value = (double)quantile / (double)NS_PER_MS;
    prediction->p99_ms = (struct prediction_range){
        value, fmin(ms_at(prediction->latency, 0.99 - half), value * (1 - NO_NEARER)),
        fmax(ms_at(prediction->latency, 0.99 + half), value * (1 + NO_NEARER))};
    prediction->p99_known = !prediction_lacks(prediction, 0.99);
}

const char *prediction_lacks(const struct prediction *prediction, double share)
{
    double above = (1 - share) * (double)prediction->requests;
    if (above < FEW - 1e-6) /* of the shares, which have no exact floating-point form */
        return "too few requests are slower than that";
    if ((double)prediction->unanswered >= above)
        return "more requests than that were given up, and how long they would have taken is not "
               "known";
    return NULL;
}

void prediction_widen_p99(struct prediction *prediction, double by_ms)
{
    prediction->p99_ms.low = fmax(0, prediction->p99_ms.low - by_ms);
    prediction->p99_ms.high += by_ms;
}

void prediction_take(struct prediction *prediction, const struct trace *trace,
                     const struct replay_outcome *outcomes, double much_load, uint64_t seed)
{
    *prediction = (struct prediction){.latency = hist_new()};
    double tries = 0;
    for (size_t i = 0; i < trace->request_count; i++) {
        if (!trace->requests[i].measured)
            continue;
        prediction->requests++;
        prediction->failures += outcomes[i].failed;
        prediction->unresolved += outcomes[i].failed && outcomes[i].unresolved;
        prediction->unanswered += outcomes[i].unanswered;
        prediction->gave_up += outcomes[i].gave_up;
        prediction->unheard += outcomes[i].gave_up && outcomes[i].unresolved;
        prediction->causes[outcomes[i].cause % CAUSE_COUNT] += outcomes[i].failed;
        tries += outcomes[i].tries > 1 ? outcomes[i].tries - 1 : 0;
        hist_record(prediction->latency, duration_ns(outcomes[i].latency));
    }
    if (prediction->requests == 0)
        return;
    prediction->extra_load = tries / (double)prediction->requests;
    double load = prediction->extra_load;
    double stretch = much_load > 0 && load > much_load ? 1 + load : 1;
    struct series series;
    int64_t slot = slot_length(trace);
    series_init(&series, trace, slot);
    fill(&series, trace, outcomes, -1, slot);
    find_rate(prediction, &series, stretch, seed);
    series_free(&series);
    find_p99(prediction, trace, outcomes, stretch, seed);
}

void prediction_free(struct prediction *prediction)
{
    hist_free(&prediction->latency);
}

void prediction_recorded(const struct trace *trace, struct replay_outcome *outcomes)
{
    for (size_t i = 0; i < trace->request_count; i++) {
        const struct trace_request *request = &trace->requests[i];
        outcomes[i] = (struct replay_outcome){
            .latency = request->latency,
            .cause = request->cause,
            .failed = request->failed,
            .unanswered = request->unanswered,
            .gave_up = request->gave_up,
            .tries = (uint8_t)(request->tries > 255 ? 255 : request->tries)};
    }
}
