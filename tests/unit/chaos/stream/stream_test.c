/* SPDX-License-Identifier: MIT */
/* Every stage under a clock that the test moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "chaos/stream/stream.h"

#define LIMIT ((size_t)256 * 1024)

struct bench {
    struct stream stream;
    struct fault *faults[8];
    unsigned count;
    mono now;
    char taken[4096]; /* the start of what came out */
    size_t length;    /* all of it */
    size_t pieces;
};

static mono at_ms(double ms)
{
    return (mono){NS_PER_S + (int64_t)(ms * NS_PER_MS)};
}

static struct fault *make(const char *json)
{
    struct fault *fault = NULL;
    struct error error;
    cJSON *item = cJSON_Parse(json);
    if (fault_make(&fault, item, "test", &error) != OK)
        fail_msg("%s: %s", json, error.text);
    cJSON_Delete(item);
    return fault;
}

static void add(struct bench *bench, const char *json)
{
    struct rng rng;
    rng_init(&rng, 7 + bench->count);
    bench->faults[bench->count] = make(json);
    stream_add(&bench->stream, bench->count, &bench->faults[bench->count]->config, &rng,
               bench->now);
    bench->count++;
}

static void begin(struct bench *bench, const char *json)
{
    *bench = (struct bench){.now = at_ms(0)};
    stream_init(&bench->stream, LIMIT, bench->now);
    if (json)
        add(bench, json);
}

static void end(struct bench *bench)
{
    stream_release(&bench->stream);
    for (unsigned i = 0; i < bench->count; i++)
        fault_free(bench->faults[i]);
}

static void push(struct bench *bench, const char *text)
{
    stream_push(&bench->stream, text, strlen(text), bench->now);
    stream_active(&bench->stream, bench->now);
}

/* Goes to a moment and takes what is due by then. */
static size_t go(struct bench *bench, double ms)
{
    const char *bytes;
    size_t before = bench->length;
    bench->now = at_ms(ms);
    stream_run(&bench->stream, bench->now);
    for (size_t n; (n = stream_peek(&bench->stream, &bytes)) > 0; bench->length += n) {
        if (bench->length + n <= sizeof(bench->taken))
            memcpy(bench->taken + bench->length, bytes, n);
        stream_take(&bench->stream, n);
        bench->pieces++;
    }
    return bench->length - before;
}

static double due_ms(const struct bench *bench)
{
    return (double)(stream_due(&bench->stream).ns - NS_PER_S) / NS_PER_MS;
}

static void without_stages_bytes_pass_at_once(void **state)
{
    struct bench bench;
    begin(&bench, NULL);
    assert_true(stream_is_plain(&bench.stream));
    push(&bench, "hello");
    assert_int_equal(go(&bench, 0), 5);
    stream_end(&bench.stream, bench.now);
    assert_int_equal(stream_state(&bench.stream), STREAM_FINISHED);
    end(&bench);
}

static void latency_is_exact(void **state)
{
    struct bench bench;
    begin(&bench, "{\"kind\":\"latency\",\"latency\":\"20ms\"}");
    push(&bench, "hello");
    assert_true(due_ms(&bench) == 20);
    assert_int_equal(go(&bench, 19.999), 0);
    assert_int_equal(go(&bench, 20), 5);
    stream_end(&bench.stream, bench.now);
    go(&bench, 39);
    assert_int_equal(stream_state(&bench.stream), STREAM_OPEN);
    go(&bench, 40);
    assert_int_equal(stream_state(&bench.stream), STREAM_FINISHED);
    end(&bench);
}

/* A stage that is looked at late hands on at the moment that was due, so that lateness does not add
 * up. */
static void latencies_add_up_exactly(void **state)
{
    struct bench bench;
    begin(&bench, "{\"kind\":\"latency\",\"latency\":\"20ms\"}");
    add(&bench, "{\"kind\":\"latency\",\"name\":\"b\",\"latency\":\"5ms\"}");
    push(&bench, "hello");
    assert_int_equal(go(&bench, 24), 0);
    assert_true(due_ms(&bench) == 25);
    assert_int_equal(go(&bench, 25), 5);
    end(&bench);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Delays of pieces that do not meet, against the distribution function: Kolmogorov-Smirnov at 0.1 %
 * (1.95 / sqrt(n)). */
static void check_distribution(const char *json, double (*share_below)(double ms))
{
    enum { SAMPLES = 4000 };
    struct bench bench;
    static double delays[SAMPLES];
    begin(&bench, json);
    for (int i = 0; i < SAMPLES; i++) {
        double start = i * 10000.0;
        go(&bench, start);
        push(&bench, "x");
        delays[i] = due_ms(&bench) - start;
    }
    end(&bench);
    qsort(delays, SAMPLES, sizeof(*delays), compare);
    double worst = 0;
    for (int i = 0; i < SAMPLES; i++) {
        double expected = share_below(delays[i]);
        worst = fmax(worst, fabs(expected - (double)i / SAMPLES));
        worst = fmax(worst, fabs(expected - (double)(i + 1) / SAMPLES));
    }
    if (worst > 1.95 / sqrt(SAMPLES))
        fail_msg("%s: the distance is %g", json, worst);
}

static double uniform_below(double ms)
{
    return fmin(fmax((ms - 1) / 8, 0), 1);
}

static double exponential_below(double ms)
{
    return 1 - exp(-ms / 2);
}

static double lognormal_below(double ms)
{
    double sigma = log(20) / 2.3263478740408408;
    return 0.5 * erfc(-(log(ms) - log(2)) / (sigma * sqrt(2)));
}

static double jitter_below(double ms)
{
    return fmin(fmax((ms - 5) / 10, 0), 1);
}

static void delays_are_distributed_as_asked(void **state)
{
    check_distribution("{\"kind\":\"latency\",\"latency\":\"uniform(1ms,9ms)\"}", uniform_below);
    check_distribution("{\"kind\":\"latency\",\"latency\":\"exponential(2ms)\"}",
                       exponential_below);
    check_distribution("{\"kind\":\"latency\",\"latency\":\"lognormal(p50=2ms,p99=40ms)\"}",
                       lognormal_below);
    check_distribution("{\"kind\":\"latency\",\"latency\":\"10ms\",\"jitter\":\"5ms\"}",
                       jitter_below);
}

static void bandwidth_spaces_bytes(void **state)
{
    struct bench bench;
    char text[1001] = "";
    memset(text, 'x', 1000);
    begin(&bench, "{\"kind\":\"bandwidth\",\"rate\":10000}");
    push(&bench, text);
    assert_int_equal(go(&bench, 9.9), 0);
    assert_int_equal(go(&bench, 10), 100);
    assert_int_equal(go(&bench, 50), 400);
    stream_end(&bench.stream, bench.now);
    assert_int_equal(go(&bench, 99), 400);
    assert_int_equal(stream_state(&bench.stream), STREAM_OPEN);
    assert_int_equal(go(&bench, 100), 100);
    assert_int_equal(stream_state(&bench.stream), STREAM_FINISHED);
    end(&bench);
}

static void a_changed_rate_holds_at_once(void **state)
{
    struct bench bench;
    char text[1001] = "";
    memset(text, 'x', 1000);
    begin(&bench, "{\"kind\":\"bandwidth\",\"rate\":100}");
    bench.faults[bench.count++] = make("{\"kind\":\"bandwidth\",\"rate\":0}");
    push(&bench, text);
    assert_int_equal(go(&bench, 100), 10);
    stream_change(&bench.stream, 0, &bench.faults[1]->config, bench.now);
    assert_int_equal(go(&bench, 100), 990);
    end(&bench);
}

static void slicer_cuts_and_pauses(void **state)
{
    struct bench bench;
    begin(&bench,
          "{\"kind\":\"slicer\",\"average_size\":4,\"size_variation\":1,\"delay\":\"10ms\"}");
    push(&bench, "0123456789abcdefghij");
    for (int i = 0; bench.length < 20; i++) {
        size_t n = go(&bench, i * 10);
        assert_true((n >= 3 && n <= 5) || bench.length == 20);
        assert_int_equal(bench.pieces, i + 1);
    }
    assert_memory_equal(bench.taken, "0123456789abcdefghij", 20);
    end(&bench);
}

static void slow_close_delays_the_end_alone(void **state)
{
    struct bench bench;
    begin(&bench, "{\"kind\":\"slow_close\",\"delay\":\"50ms\"}");
    push(&bench, "hello");
    stream_end(&bench.stream, bench.now);
    assert_int_equal(go(&bench, 0), 5);
    go(&bench, 49);
    assert_int_equal(stream_state(&bench.stream), STREAM_OPEN);
    go(&bench, 50);
    assert_int_equal(stream_state(&bench.stream), STREAM_FINISHED);
    end(&bench);
}

static void timeout_loses_bytes_and_closes(void **state)
{
    struct bench bench;
    begin(&bench, "{\"kind\":\"timeout\",\"timeout\":\"50ms\"}");
    push(&bench, "hello");
    assert_int_equal(go(&bench, 49), 0);
    assert_int_equal(stream_state(&bench.stream), STREAM_OPEN);
    go(&bench, 50);
    assert_int_equal(stream_state(&bench.stream), STREAM_CUT);
    assert_int_equal(stream_room(&bench.stream), LIMIT);
    end(&bench);
}

static void timeout_closes_when_it_is_removed(void **state)
{
    struct bench bench;
    begin(&bench, "{\"kind\":\"timeout\"}");
    go(&bench, 1e9);
    assert_int_equal(stream_state(&bench.stream), STREAM_OPEN);
    stream_remove(&bench.stream, 0, bench.now);
    assert_int_equal(stream_state(&bench.stream), STREAM_CUT);
    end(&bench);
}

static void reset_peer_holds_and_resets(void **state)
{
    struct bench bench;
    begin(&bench, "{\"kind\":\"reset_peer\",\"timeout\":\"50ms\"}");
    push(&bench, "hello");
    assert_int_equal(go(&bench, 49), 0);
    assert_int_equal(stream_state(&bench.stream), STREAM_OPEN);
    go(&bench, 50);
    assert_int_equal(stream_state(&bench.stream), STREAM_RESET);
    end(&bench);
}

static void what_reset_peer_held_goes_on_without_it(void **state)
{
    struct bench bench;
    begin(&bench, "{\"kind\":\"reset_peer\",\"timeout\":\"50ms\"}");
    push(&bench, "hello");
    stream_end(&bench.stream, bench.now);
    go(&bench, 10);
    stream_remove(&bench.stream, 0, bench.now);
    assert_int_equal(go(&bench, 60), 5);
    assert_int_equal(stream_state(&bench.stream), STREAM_FINISHED);
    end(&bench);
}

static void limit_data_closes_behind_its_bytes(void **state)
{
    struct bench bench;
    begin(&bench, "{\"kind\":\"limit_data\",\"bytes\":7}");
    push(&bench, "hello");
    assert_int_equal(go(&bench, 0), 5);
    assert_int_equal(stream_state(&bench.stream), STREAM_OPEN);
    push(&bench, "world");
    push(&bench, "more");
    assert_int_equal(go(&bench, 0), 2);
    assert_int_equal(stream_state(&bench.stream), STREAM_CUT);
    assert_memory_equal(bench.taken, "hellowo", 7);
    assert_int_equal(stream_room(&bench.stream), LIMIT);
    end(&bench);
}

static void corrupt_changes_its_share(void **state)
{
    struct bench bench;
    enum { SIZE = 100000 };
    char *text = calloc(1, SIZE);
    int changed = 0;
    const char *bytes;
    begin(&bench, "{\"kind\":\"corrupt\",\"corruption\":\"10%\"}");
    stream_push(&bench.stream, text, SIZE, bench.now);
    stream_run(&bench.stream, bench.now);
    assert_int_equal(stream_peek(&bench.stream, &bytes), SIZE);
    for (int i = 0; i < SIZE; i++)
        changed += bytes[i] != 0;
    assert_in_range(changed, 9400, 10600);
    free(text);
    end(&bench);
}

static void blackhole_passes_the_end_alone(void **state)
{
    struct bench bench;
    begin(&bench, "{\"kind\":\"blackhole\"}");
    push(&bench, "hello");
    stream_end(&bench.stream, bench.now);
    assert_int_equal(go(&bench, 1000), 0);
    assert_int_equal(stream_state(&bench.stream), STREAM_FINISHED);
    end(&bench);
}

static void idle_close_closes_at_its_time(void **state)
{
    struct bench bench;
    begin(&bench, "{\"kind\":\"idle_close\",\"idle\":\"50ms\"}");
    go(&bench, 30);
    push(&bench, "hello");
    assert_int_equal(go(&bench, 30), 5);
    go(&bench, 79.9);
    assert_int_equal(stream_state(&bench.stream), STREAM_OPEN);
    assert_true(due_ms(&bench) == 80);
    go(&bench, 80);
    assert_int_equal(stream_state(&bench.stream), STREAM_CUT);
    end(&bench);
}

/* As when the receiver takes nothing: it must be asked again, but not at once. */
static void idle_close_waits_for_what_is_not_taken(void **state)
{
    struct bench bench;
    begin(&bench, "{\"kind\":\"idle_close\",\"idle\":\"50ms\"}");
    push(&bench, "hello");
    for (double ms = 50; ms < 1000; ms += 50) {
        bench.now = at_ms(ms);
        stream_run(&bench.stream, bench.now);
        assert_int_equal(stream_state(&bench.stream), STREAM_OPEN);
        assert_true(due_ms(&bench) > ms);
    }
    assert_int_equal(go(&bench, 1000), 5);
    go(&bench, 1050);
    assert_int_equal(stream_state(&bench.stream), STREAM_CUT);
    end(&bench);
}

static void half_open_goes_stale(void **state)
{
    struct bench bench;
    begin(&bench, "{\"kind\":\"half_open\",\"idle\":\"50ms\"}");
    go(&bench, 30);
    push(&bench, "hello");
    assert_int_equal(go(&bench, 30), 5);
    go(&bench, 90);
    push(&bench, "lost");
    stream_end(&bench.stream, bench.now);
    assert_int_equal(go(&bench, 1000), 0);
    assert_int_equal(stream_state(&bench.stream), STREAM_OPEN);
    assert_true(stream_due(&bench.stream).ns == STREAM_NEVER.ns);
    stream_remove(&bench.stream, 0, bench.now);
    assert_int_equal(stream_state(&bench.stream), STREAM_FINISHED);
    end(&bench);
}

/* The whole of what a random life of a stream asks for. */
struct life {
    struct bench bench;
    struct rng rng;
    uint32_t sent, seen; /* counters that are the bytes' content */
    double ms;
};

static const char *const harmless[] = {
    "{\"kind\":\"latency\",\"latency\":\"uniform(0ms,30ms)\"}",
    "{\"kind\":\"latency\",\"latency\":\"exponential(5ms)\",\"jitter\":\"3ms\"}",
    "{\"kind\":\"bandwidth\",\"rate\":\"4MB\"}",
    "{\"kind\":\"slicer\",\"average_size\":1000,\"size_variation\":900,\"delay\":\"100us\"}",
    "{\"kind\":\"slow_close\",\"delay\":\"5ms\"}",
    "{\"kind\":\"reset_peer\",\"timeout\":\"1000h\"}",
};
enum { HARMLESS = 6 };

static void push_some(struct life *life)
{
    char bytes[8192];
    size_t n = rng_below(&life->rng, sizeof(bytes)) + 1;
    size_t room = stream_room(&life->bench.stream);
    if (n > room)
        n = room;
    for (size_t i = 0; i < n; i++, life->sent++)
        bytes[i] = (char)(life->sent * 2654435761u >> 24);
    stream_push(&life->bench.stream, bytes, n, life->bench.now);
    stream_active(&life->bench.stream, life->bench.now);
    assert_true(life->bench.stream.held <= LIMIT);
}

static void take_some(struct life *life)
{
    const char *bytes;
    stream_run(&life->bench.stream, life->bench.now);
    size_t n = stream_peek(&life->bench.stream, &bytes);
    if (n == 0)
        return;
    n = rng_below(&life->rng, n) + 1;
    for (size_t i = 0; i < n; i++, life->seen++)
        if (bytes[i] != (char)(life->seen * 2654435761u >> 24))
            fail_msg("byte %u is another", (unsigned)life->seen);
    stream_take(&life->bench.stream, n);
}

static void change_some(struct life *life)
{
    unsigned which = (unsigned)rng_below(&life->rng, HARMLESS);
    const struct fault_config *fault = &life->bench.faults[which]->config;
    mono now = life->bench.now;
    if (!stream_has(&life->bench.stream, which))
        stream_add(&life->bench.stream, which, fault, &life->rng, now);
    else if (rng_below(&life->rng, 2) == 0)
        stream_change(&life->bench.stream, which, fault, now);
    else
        stream_remove(&life->bench.stream, which, now);
}

static void drain(struct life *life)
{
    for (unsigned i = 0; i < HARMLESS; i++)
        stream_remove(&life->bench.stream, i, life->bench.now);
    stream_end(&life->bench.stream, life->bench.now);
    while (stream_state(&life->bench.stream) == STREAM_OPEN)
        take_some(life);
    assert_int_equal(stream_state(&life->bench.stream), STREAM_FINISHED);
    assert_int_equal(life->seen, life->sent);
    assert_int_equal(life->bench.stream.held, 0);
}

static void nothing_is_lost_or_overtaken(void **state)
{
    struct life life = {.ms = 0};
    begin(&life.bench, NULL);
    rng_init(&life.rng, 11);
    for (unsigned i = 0; i < HARMLESS; i++)
        life.bench.faults[life.bench.count++] = make(harmless[i]);
    for (int i = 0; i < 10000; i++) {
        uint64_t what = rng_below(&life.rng, 10);
        life.ms += rng_unit(&life.rng) * 2;
        life.bench.now = at_ms(life.ms);
        if (what < 4)
            push_some(&life);
        else if (what < 9)
            take_some(&life);
        else
            change_some(&life);
    }
    drain(&life);
    end(&life.bench);
}

static void what_is_retired_goes_once_it_holds_nothing(void **state)
{
    struct bench bench;
    begin(&bench, "{\"kind\":\"latency\",\"latency\":\"10ms\"}");
    push(&bench, "late");
    stream_retire(&bench.stream, 0);
    assert_int_equal(go(&bench, 5), 0);
    assert_true(stream_has(&bench.stream, 0));
    assert_int_equal(go(&bench, 10), 4);
    assert_false(stream_has(&bench.stream, 0));
    assert_true(stream_is_plain(&bench.stream));
    end(&bench);
}

static void what_is_retired_and_added_again_stays(void **state)
{
    struct bench bench;
    struct rng rng;
    begin(&bench, "{\"kind\":\"latency\",\"latency\":\"10ms\"}");
    stream_retire(&bench.stream, 0);
    rng_init(&rng, 7);
    stream_add(&bench.stream, 0, &bench.faults[0]->config, &rng, bench.now);
    push(&bench, "late");
    assert_int_equal(go(&bench, 5), 0);
    assert_int_equal(go(&bench, 10), 4);
    assert_true(stream_has(&bench.stream, 0));
    end(&bench);
}

static void what_closes_or_waits_for_a_moment_does_not_retire_early(void **state)
{
    struct bench bench;
    begin(&bench, "{\"kind\":\"timeout\"}");
    add(&bench, "{\"kind\":\"reset_peer\",\"timeout\":\"10ms\"}");
    stream_retire(&bench.stream, 0);
    stream_retire(&bench.stream, 1);
    go(&bench, 5);
    assert_true(stream_has(&bench.stream, 0) && stream_has(&bench.stream, 1));
    assert_int_equal(stream_state(&bench.stream), STREAM_OPEN);
    go(&bench, 10);
    assert_int_equal(stream_state(&bench.stream), STREAM_RESET);
    end(&bench);
}

static void input_waits_when_nothing_is_taken(void **state)
{
    struct bench bench;
    static char block[16384];
    begin(&bench, "{\"kind\":\"latency\",\"latency\":\"1h\"}");
    for (size_t room; (room = stream_room(&bench.stream)) > 0;)
        stream_push(&bench.stream, block, room < sizeof(block) ? room : sizeof(block), bench.now);
    assert_int_equal(bench.stream.held, LIMIT);
    add(&bench, "{\"kind\":\"bandwidth\",\"rate\":\"1KB\"}");
    stream_remove(&bench.stream, 0, bench.now);
    assert_int_equal(stream_room(&bench.stream), 0);
    go(&bench, (double)(LIMIT - 64 * 1024 + 100)); /* a byte each millisecond */
    assert_true(stream_room(&bench.stream) > 0);
    assert_true(stream_room(&bench.stream) < 64 * 1024);
    end(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_stages_bytes_pass_at_once),
        cmocka_unit_test(latency_is_exact),
        cmocka_unit_test(latencies_add_up_exactly),
        cmocka_unit_test(delays_are_distributed_as_asked),
        cmocka_unit_test(bandwidth_spaces_bytes),
        cmocka_unit_test(a_changed_rate_holds_at_once),
        cmocka_unit_test(slicer_cuts_and_pauses),
        cmocka_unit_test(slow_close_delays_the_end_alone),
        cmocka_unit_test(timeout_loses_bytes_and_closes),
        cmocka_unit_test(timeout_closes_when_it_is_removed),
        cmocka_unit_test(reset_peer_holds_and_resets),
        cmocka_unit_test(what_reset_peer_held_goes_on_without_it),
        cmocka_unit_test(limit_data_closes_behind_its_bytes),
        cmocka_unit_test(corrupt_changes_its_share),
        cmocka_unit_test(blackhole_passes_the_end_alone),
        cmocka_unit_test(idle_close_closes_at_its_time),
        cmocka_unit_test(idle_close_waits_for_what_is_not_taken),
        cmocka_unit_test(half_open_goes_stale),
        cmocka_unit_test(nothing_is_lost_or_overtaken),
        cmocka_unit_test(what_is_retired_goes_once_it_holds_nothing),
        cmocka_unit_test(what_is_retired_and_added_again_stays),
        cmocka_unit_test(what_closes_or_waits_for_a_moment_does_not_retire_early),
        cmocka_unit_test(input_waits_when_nothing_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
