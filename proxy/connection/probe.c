/* SPDX-License-Identifier: MIT */
#include "proxy/connection/probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/net/dial.h"
#include "proxy/connection/announce.h"
#include "proxy/request/guard.h"

/* A healthy answer has a head of less than this. */
enum { ANSWER_LIMIT = 16384 };

/* The first questions are spread over the interval, but none waits for long. */
static const duration FIRST_WITHIN = {NS_PER_S};

enum probe_state { PROBE_RESTING, PROBE_CONNECTING, PROBE_SECURING, PROBE_ASKING };

/* The questions to one endpoint. */
struct probe {
    struct upstream *upstream;
    struct pool *pool;
    enum probe_state state;
    struct conn conn;
    struct timer next, deadline;
    struct buf question, answer;
    size_t asked; /* bytes of the question sent */
    size_t scanned;
    bool fit; /* the last answer */
    int in_a_row;
};

struct prober {
    struct probe *probes;
    size_t count;
};

static const struct active_config *config_of(const struct probe *probe)
{
    return &probe->upstream->config->health.active;
}

/* ---- the end of a question */

static duration next_interval(const struct probe *probe)
{
    const struct active_config *config = config_of(probe);
    double drawn = 2 * rng_unit(&probe->upstream->worker->rng) - 1;
    return duration_ns((int64_t)((double)config->interval.ns * (1 + config->jitter * drawn)));
}

static void rest(struct probe *probe)
{
    if (probe->state != PROBE_RESTING)
        conn_close(&probe->conn);
    probe->state = PROBE_RESTING;
    timer_stop(&probe->deadline);
    buf_clear(&probe->answer);
    timer_start(&probe->next, next_interval(probe));
}

static void conclude(struct probe *probe, bool fit, const char *why)
{
    const struct active_config *config = config_of(probe);
    struct counters *counters = &probe->upstream->worker->counters;
    counter_add(&counters->of[COUNTER_PROBES]);
    if (!fit)
        counter_add(&counters->of[COUNTER_PROBES_FAILED]);
    if (fit != probe->fit)
        probe->in_a_row = 0;
    probe->fit = fit;
    probe->in_a_row++;
    rest(probe);
    if (probe->in_a_row >= (fit ? config->rise : config->fall))
        guard_check_says(probe->upstream, probe->pool, fit, probe->in_a_row, why);
}

static void on_deadline(void *arg)
{
    struct probe *probe = arg;
    worker_enter(probe->upstream->worker);
    conclude(probe, false, "no answer in time");
}

/* ---- HTTP */

static void write_question(struct probe *probe)
{
    const struct active_config *config = config_of(probe);
    const char *host = config->host ? config->host : probe->pool->authority;
    if (!config->host && probe->pool->shared->address.u.any.sa_family == AF_UNIX)
        host = "localhost";
    buf_printf(&probe->question,
               "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: tailgate\r\nConnection: close\r\n\r\n",
               config->path, host);
}

static bool is_expected(const struct active_config *config, int status)
{
    const int64_t *statuses = config->statuses.items;
    if (config->statuses.count == 0)
        return status >= 200 && status <= 399;
    for (size_t i = 0; i < config->statuses.count; i++)
        if (statuses[i] == status)
            return true;
    return false;
}

/* The final head, once it is there. False: not yet. */
static bool judge_answer(struct probe *probe)
{
    struct http_head *head = &probe->upstream->worker->response_head;
    for (;;) {
        size_t length =
            http_head_end(buf_head(&probe->answer), buf_len(&probe->answer), &probe->scanned);
        if (length == 0)
            return false;
        probe->scanned = 0;
        if (http_parse_response(head, buf_head(&probe->answer), length)) {
            conclude(probe, false, "the answer is not HTTP/1.1");
            return true;
        }
        if (head->status >= 200)
            break;
        buf_consume(&probe->answer, length);
    }
    bool fit = is_expected(config_of(probe), head->status);
    char why[64];
    snprintf(why, sizeof(why), "status %d", head->status);
    conclude(probe, fit, why);
    return true;
}

static void read_answer(struct probe *probe)
{
    while (probe->conn.readable) {
        ssize_t got =
            conn_read(&probe->conn, buf_reserve(&probe->answer, ANSWER_LIMIT), ANSWER_LIMIT);
        if (got == CONN_AGAIN)
            return;
        if (got < 0) {
            conclude(probe, false, "closed before the answer");
            return;
        }
        probe->answer.end += (size_t)got;
        if (judge_answer(probe))
            return;
        if (buf_len(&probe->answer) >= ANSWER_LIMIT) {
            conclude(probe, false, "the answer's head is too large");
            return;
        }
    }
}

static void ask(struct probe *probe)
{
    while (probe->asked < buf_len(&probe->question)) {
        ssize_t put = conn_write(&probe->conn, buf_head(&probe->question) + probe->asked,
                                 buf_len(&probe->question) - probe->asked);
        if (put == CONN_AGAIN)
            return;
        if (put < 0) {
            conclude(probe, false, "closed before the question");
            return;
        }
        probe->asked += (size_t)put;
    }
    read_answer(probe);
}

/* ---- the connection */

static void secure(struct probe *probe)
{
    struct error error;
    switch (conn_handshake(&probe->conn, &error)) {
    case CONN_READY:
        probe->state = PROBE_ASKING;
        ask(probe);
        break;
    case CONN_FAILED:
        conclude(probe, false, error.text);
        break;
    default:
        break;
    }
}

static void connected(struct probe *probe)
{
    struct tls_context *tls = probe->upstream->tls;
    struct pool *pool = probe->pool;
    struct error error;
    int problem = announce_own(&probe->conn, probe->upstream->config);
    if (problem) {
        conclude(probe, false, strerror(problem));
        return;
    }
    if (config_of(probe)->kind == PROBE_TCP) {
        conclude(probe, true, NULL);
        return;
    }
    if (tls && tls_connect(&probe->conn, tls, pool->tls_name, &pool->tls_memory, &error) != OK) {
        rest(probe); /* for want of memory: it says nothing about the endpoint */
        return;
    }
    probe->asked = probe->scanned = 0;
    probe->state = PROBE_SECURING;
    secure(probe);
}

static void on_ready(struct conn *conn, void *owner)
{
    struct probe *probe = owner;
    worker_enter(probe->upstream->worker);
    if (probe->state == PROBE_CONNECTING) {
        int problem = dial_error(conn->fd);
        if (problem)
            conclude(probe, false, strerror(problem));
        else
            connected(probe);
    } else if (probe->state == PROBE_SECURING) {
        secure(probe);
    } else if (probe->state == PROBE_ASKING) {
        ask(probe);
    }
}

/* The gateway's own want says nothing about the endpoint. */
static bool is_own_fault(int problem)
{
    return problem == EMFILE || problem == ENFILE || problem == ENOBUFS || problem == ENOMEM ||
           problem == EADDRNOTAVAIL;
}

static void dial_failed(struct probe *probe, int problem)
{
    if (is_own_fault(problem))
        rest(probe);
    else
        conclude(probe, false, strerror(problem));
}

static void begin(void *arg)
{
    struct probe *probe = arg;
    struct worker *worker = probe->upstream->worker;
    struct error error;
    worker_enter(worker);
    int fd = dial_start(&probe->pool->shared->address);
    if (fd < 0) {
        dial_failed(probe, errno);
        return;
    }
    if (conn_init(&probe->conn, &worker->loop, fd, &conn_plain, on_ready, probe, &error) != OK) {
        close(fd);
        rest(probe);
        return;
    }
    probe->state = PROBE_CONNECTING;
    timer_start(&probe->deadline, config_of(probe)->timeout);
}

/* ---- all of them */

static void probe_init(struct probe *probe, struct upstream *upstream, struct pool *pool)
{
    struct worker *worker = upstream->worker;
    *probe = (struct probe){.upstream = upstream, .pool = pool, .fit = true};
    timer_init(&probe->next, &worker->loop, begin, probe);
    timer_init(&probe->deadline, &worker->loop, on_deadline, probe);
    write_question(probe);
    int64_t within = config_of(probe)->interval.ns;
    if (within > FIRST_WITHIN.ns)
        within = FIRST_WITHIN.ns;
    timer_start(&probe->next, duration_ns((int64_t)(rng_unit(&worker->rng) * (double)within)));
}

static bool wants_probes(const struct upstream *upstream)
{
    return upstream->config->health.active.interval.ns > 0;
}

struct prober *prober_start(struct realm *realm)
{
    size_t count = 0, upstreams = realm->config->upstreams.count;
    for (size_t i = 0; i < upstreams; i++)
        if (wants_probes(&realm->upstreams[i]))
            count += realm->upstreams[i].pool_count;
    if (count == 0)
        return NULL;
    struct prober *prober = mem_alloc(1, sizeof(*prober));
    prober->probes = mem_alloc(count, sizeof(*prober->probes));
    for (size_t i = 0; i < upstreams; i++) {
        struct upstream *upstream = &realm->upstreams[i];
        for (size_t j = 0; wants_probes(upstream) && j < upstream->pool_count; j++)
            probe_init(&prober->probes[prober->count++], upstream, &upstream->pools[j]);
    }
    return prober;
}

void prober_stop(struct prober **prober)
{
    if (!*prober)
        return;
    for (size_t i = 0; i < (*prober)->count; i++) {
        struct probe *probe = &(*prober)->probes[i];
        rest(probe);
        timer_stop(&probe->next);
        buf_free(&probe->question);
        buf_free(&probe->answer);
    }
    free((*prober)->probes);
    free(*prober);
    *prober = NULL;
}
