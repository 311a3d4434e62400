/* SPDX-License-Identifier: MIT */
#include "lab/load/load.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "lab/load/load_client.h"
#include "lib/base/hist.h"
#include "lib/base/memory.h"
#include "lib/base/rng.h"

/* Deadlines are looked at this often; the moment that is recorded for a timeout is the exact one.
 */
#define TICK          duration_ms(20)
#define TICKS_TO_SHOW 5 /* the figures for the progress line are renewed every so many */

mono load_intended(const struct load *load, const struct arrival *arrival)
{
    return mono_add(load->job->epoch, arrival->at);
}

mono load_deadline(const struct load *load, const struct arrival *arrival)
{
    return mono_add(load_intended(load, arrival), load->job->spec->timeout);
}

static bool is_gateway_failure(int status)
{
    return status == 502 || status == 503 || status == 504;
}

static void count(struct load *load, const struct arrival *arrival, int status,
                  enum client_error error, duration latency)
{
    struct tally *tally = load->job->tally;
    bool warmup = arrival->at.ns < 0;
    struct tally_part *part = warmup ? &tally->warmup : &tally->measured;
    tally_add(&part->done);
    if (error == CLIENT_ERROR_NONE)
        tally_add(&part->statuses[status % TALLY_STATUSES]);
    else
        tally_add(&part->errors[error]);
    tally_add(&tally->answered);
    if (warmup || error == CLIENT_ERROR_UNFINISHED)
        return;
    hist_record(load->latency, latency);
    if (error != CLIENT_ERROR_NONE || is_gateway_failure(status))
        tally_add(&tally->failures);
}

static void copy_text(char *out, size_t size, const char *text)
{
    size_t length = strlen(text);
    memcpy(out, text, length < size ? length : size); /* NUL-padded: the record is zeroed */
}

void load_record(struct load *load, size_t ordinal, const struct load_client *client,
                 enum client_error error, mono done)
{
    const struct arrival *arrival = &load->job->arrivals.items[ordinal];
    const struct request_spec *requests = load->job->spec->requests.items;
    mono intended = load_intended(load, arrival);
    count(load, arrival, client ? client->status : 0, error, mono_between(intended, done));
    struct client_record record = {0};
    record.ordinal = ordinal;
    for (int i = 0; i < 8; i++) {
        record.trace_id.bytes[i] = (uint8_t)(load->trace_prefix >> (56 - 8 * i));
        record.trace_id.bytes[8 + i] = (uint8_t)((uint64_t)(ordinal + 1) >> (56 - 8 * i));
    }
    record.warmup = arrival->at.ns < 0;
    copy_text(record.method, sizeof(record.method),
              request_spec_method(&requests[arrival->request]));
    copy_text(record.path, sizeof(record.path), request_spec_target(&requests[arrival->request]));
    record.intended = intended.ns;
    record.lag = arrival->lag.ns;
    record.done = done.ns;
    record.error = error;
    if (client) {
        record.sent = client->sent.ns;
        record.first_byte = client->first_byte.ns;
        record.status = (uint16_t)client->status;
        record.bytes = client->bytes;
    }
    RECORD_APPEND(load->writer, CLIENT, client, &record);
}

static struct load_client *client_of(struct list *node)
{
    return list_entry(node, struct load_client, node);
}

/* Gives connections to the arrivals that wait, oldest first. */
static void assign_waiting(void *arg)
{
    struct load *load = arg;
    while (load->waiting < load->next) {
        struct list *node = list_first(&load->idle);
        if (!node)
            node = list_first(&load->closed);
        if (!node)
            return;
        load_client_send(client_of(node), load->waiting++);
    }
}

static void stop_when_done(struct load *load)
{
    if (load->next == load->job->arrivals.count && load->waiting == load->next &&
        list_empty(&load->busy))
        loop_stop(&load->loop);
}

static void on_arrival(void *arg)
{
    struct load *load = arg;
    struct arrivals *arrivals = &load->job->arrivals;
    while (load->next < arrivals->count) {
        struct arrival *arrival = &arrivals->items[load->next];
        mono now = mono_now(), intended = load_intended(load, arrival);
        if (mono_before(now, intended)) {
            timer_start(&load->arrival_timer, mono_between(now, intended));
            return;
        }
        arrival->lag = mono_between(intended, now);
        struct tally *tally = load->job->tally;
        struct tally_part *part = arrival->at.ns < 0 ? &tally->warmup : &tally->measured;
        tally_add(&part->arrivals);
        load->next++;
        assign_waiting(load);
        if (load->waiting < load->next)
            tally_add(&part->queued);
    }
}

/* Gives up what is past its deadline: on a connection, and waiting for one. */
static void expire(struct load *load, mono now)
{
    const struct arrival *arrivals = load->job->arrivals.items;
    for (struct list *node; (node = list_first(&load->busy));) {
        mono deadline = load_deadline(load, client_of(node)->arrival);
        if (mono_before(now, deadline))
            break;
        load_client_finish(client_of(node), CLIENT_ERROR_TIMEOUT, deadline);
    }
    while (load->waiting < load->next) {
        mono deadline = load_deadline(load, &arrivals[load->waiting]);
        if (mono_before(now, deadline))
            break;
        load_record(load, load->waiting++, NULL, CLIENT_ERROR_TIMEOUT, deadline);
    }
}

static void show_figures(const struct load *load)
{
    struct tally *tally = load->job->tally;
    atomic_store_explicit(&tally->p50_ns, hist_quantile(load->latency, 0.5).ns,
                          memory_order_relaxed);
    atomic_store_explicit(&tally->p99_ns, hist_quantile(load->latency, 0.99).ns,
                          memory_order_relaxed);
}

static void on_tick(void *arg)
{
    struct load *load = arg;
    expire(load, mono_now());
    if (load->ticks++ % TICKS_TO_SHOW == 0)
        show_figures(load);
    stop_when_done(load);
    timer_start(&load->tick, TICK);
}

/* What is open now is recorded as unfinished; arrivals whose moment has not come are not. */
static void abandon(struct load *load)
{
    mono now = mono_now();
    for (struct list *node; (node = list_first(&load->busy));)
        load_client_finish(client_of(node), CLIENT_ERROR_UNFINISHED, now);
    while (load->waiting < load->next)
        load_record(load, load->waiting++, NULL, CLIENT_ERROR_UNFINISHED, now);
}

static void on_abort(void *arg)
{
    struct load *load = arg;
    log_warn(&load->log, NULL, "told to stop before the end of the load");
    load->status = EXIT_SYSTEM;
    loop_stop(&load->loop);
}

static void run(struct load *load, int control_fd)
{
    struct signal_watch terminate;
    struct fd_watch control;
    signal_watch_start(&terminate, &load->loop, SIGTERM, on_abort, load);
    fd_watch_start(&control, &load->loop, control_fd, on_abort, load);
    timer_init(&load->arrival_timer, &load->loop, on_arrival, load);
    timer_init(&load->tick, &load->loop, on_tick, load);
    soon_init(&load->assign, &load->loop, assign_waiting, load);
    on_arrival(load);
    on_tick(load);
    loop_run(&load->loop);
    abandon(load);
    for (int64_t i = 0; i < load->job->spec->connections; i++)
        load_client_close(&load->clients[i]);
    soon_cancel(&load->assign);
    timer_stop(&load->tick);
    timer_stop(&load->arrival_timer);
    fd_watch_stop(&control);
    signal_watch_stop(&terminate);
}

static void allow_descriptors(const struct load *load)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)load->job->spec->connections + 64;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted)
        log_warn(&load->log, NULL, "the descriptor limit (%llu) is below the %lld connections",
                 (unsigned long long)limit.rlim_cur, (long long)load->job->spec->connections);
}

static void prepare(struct load *load)
{
    /* Not of the variant: a fault that is drawn by trace id touches the same requests in each. */
    struct rng rng;
    rng_init_stream(&rng, load->job->seed, "trace", load->job->round);
    load->trace_prefix = rng_next(&rng);
    address_format(&load->job->target, load->host, sizeof(load->host));
    list_init(&load->idle);
    list_init(&load->closed);
    list_init(&load->busy);
    load->latency = hist_new();
    load->clients = mem_alloc((size_t)load->job->spec->connections, sizeof(*load->clients));
    for (int64_t i = 0; i < load->job->spec->connections; i++)
        load_client_init(&load->clients[i], load, (uint64_t)i);
    allow_descriptors(load);
    prctl(PR_SET_TIMERSLACK, 1000UL); /* the default, 50 us, would be the generator's own lag */
}

static enum result open_records(struct record_store **store, struct load *load, struct error *error)
{
    struct record_settings settings = {
        .folder = load->job->records, .process = "load", .log = &load->log};
    enum result result = record_store_open(store, &settings, error);
    return result == OK ? record_writer_open(&load->writer, *store, 0, error) : result;
}

enum exit_status load_main(struct load_job *job, int control_fd)
{
    struct load *load = mem_alloc(1, sizeof(*load));
    load->job = job;
    log_init(&load->log, "load", LOG_INFO);
    struct record_store *store = NULL;
    struct error error;
    enum result result = open_records(&store, load, &error);
    if (result == OK)
        result = loop_init(&load->loop, true, &error);
    if (result == OK) {
        prepare(load);
        run(load, control_fd);
    } else {
        log_error(&load->log, NULL, "%s", error.text);
        load->status = result_exit_status(result);
    }
    record_store_close(&store);
    loop_release(&load->loop);
    hist_free(&load->latency);
    free(load->clients);
    enum exit_status status = load->status;
    free(load);
    return status;
}
