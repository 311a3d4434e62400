/* SPDX-License-Identifier: MIT */
/* Requests at a given mean rate, whether or not earlier ones were answered (open loop):
 *
 *     load PORT PATH RATE SECONDS CONNECTIONS SEED [close]
 *
 * Arrivals are Poisson and drawn from the seed. A latency counts from the intended moment, so a
 * request that waits for a free connection, or for this program, is late. The first WARM_UP seconds
 * are not counted. Prints one line of JSON, latencies in µs. With `close` each request has a
 * connection of its own. */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/rng.h"

enum { BUFFER_SIZE = 1 << 18, HEAD_MAX = 2048, EVENTS = 256 };
#define SECOND  INT64_C(1000000000)
#define WARM_UP (SECOND / 2)

struct connection {
    int fd; /* -1: closed */
    struct connection *next_idle;
    int64_t intended;
    bool busy, sent;
    char head[HEAD_MAX];
    size_t head_length;
    int64_t left; /* of the body; -1: the head has not ended */
};

struct load {
    int epoll;
    struct sockaddr_in target;
    char request[512];
    size_t request_length;
    bool close;
    struct connection *idle;
    struct rng rng;
    double mean_gap;
    int64_t begin, end, next_arrival;
    int64_t *latencies;
    size_t measured, room, busy, errors;
    char buffer[BUFFER_SIZE];
};

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

static void draw_arrival(struct load *load)
{
    load->next_arrival += (int64_t)(-log1p(-rng_unit(&load->rng)) * load->mean_gap);
}

static void disconnect(struct connection *connection)
{
    close(connection->fd);
    connection->fd = -1;
}

static void finish(struct load *load, struct connection *connection, bool good)
{
    int64_t latency = now() - connection->intended;
    load->busy--;
    load->errors += !good;
    if (good && connection->intended >= load->begin + WARM_UP && load->measured < load->room)
        load->latencies[load->measured++] = latency;
    connection->busy = false;
    connection->next_idle = load->idle;
    load->idle = connection;
    if (load->close || !good)
        disconnect(connection);
}

static void dial(struct load *load, struct connection *connection)
{
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = connection};
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (fd < 0 || (connect(fd, (struct sockaddr *)&load->target, sizeof(load->target)) != 0 &&
                   errno != EINPROGRESS))
        err(1, "load: connect");
    connection->fd = fd;
    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        err(1, "load: epoll_ctl");
}

static void send_request(struct load *load, struct connection *connection)
{
    ssize_t put = send(connection->fd, load->request, load->request_length, MSG_NOSIGNAL);
    if (put < 0 && errno != EAGAIN)
        finish(load, connection, false);
    connection->sent = put > 0;
}

static void begin(struct load *load, struct connection *connection, int64_t intended)
{
    connection->intended = intended;
    connection->busy = true;
    connection->sent = false;
    connection->left = -1;
    connection->head_length = 0;
    load->busy++;
    if (connection->fd < 0)
        dial(load, connection);
    else
        send_request(load, connection);
}

/* Requests that are due and find a free connection. */
static void dispatch(struct load *load)
{
    int64_t at = now();
    while (load->next_arrival <= at && load->next_arrival < load->end && load->idle) {
        struct connection *connection = load->idle;
        load->idle = connection->next_idle;
        begin(load, connection, load->next_arrival);
        draw_arrival(load);
    }
}

/* Looks for the end of the head in what came; false: this is no answer to go on with. */
static bool take_head(struct connection *connection, const char *bytes, size_t length)
{
    size_t room = HEAD_MAX - 1 - connection->head_length;
    size_t copied = length < room ? length : room;
    size_t before = connection->head_length;
    memcpy(connection->head + before, bytes, copied);
    connection->head_length += copied;
    connection->head[connection->head_length] = '\0';
    const char *end = strstr(connection->head, "\r\n\r\n");
    if (!end)
        return copied == length;
    const char *field = strcasestr(connection->head, "\r\ncontent-length:");
    if (!field || field > end || strncmp(connection->head + 9, "200", 3) != 0)
        return false;
    int64_t body = (int64_t)(before + length) - (end + 4 - connection->head);
    connection->left = strtoll(field + sizeof("\r\ncontent-length:") - 1, NULL, 10) - body;
    return true;
}

static void take_answer(struct load *load, struct connection *connection)
{
    for (;;) {
        ssize_t got = recv(connection->fd, load->buffer, BUFFER_SIZE, 0);
        if (got < 0 && errno == EAGAIN)
            return;
        bool good = got > 0 && connection->busy;
        if (good && connection->left < 0)
            good = take_head(connection, load->buffer, (size_t)got);
        else if (good)
            connection->left -= got;
        if (connection->busy && (!good || connection->left == 0)) {
            finish(load, connection, good);
            return;
        }
        if (!good) { /* closed while idle */
            disconnect(connection);
            return;
        }
    }
}

static void on_event(struct load *load, struct connection *connection, uint32_t events)
{
    if (connection->fd < 0)
        return;
    if (connection->busy && !connection->sent && (events & EPOLLOUT))
        send_request(load, connection);
    if (connection->fd >= 0 && (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
        take_answer(load, connection);
}

static void run(struct load *load)
{
    struct epoll_event events[EVENTS];
    load->next_arrival = load->begin;
    draw_arrival(load);
    while (load->next_arrival < load->end || load->busy > 0) {
        dispatch(load);
        int64_t wait =
            load->idle && load->next_arrival < load->end ? load->next_arrival - now() : SECOND / 10;
        wait = wait < 0 ? 0 : wait;
        struct timespec timeout = {wait / SECOND, wait % SECOND};
        int count = epoll_pwait2(load->epoll, events, EVENTS, &timeout, NULL);
        for (int i = 0; i < count; i++)
            on_event(load, events[i].data.ptr, events[i].events);
        if (now() > load->end + 10 * SECOND)
            errx(1, "load: %zu requests were not answered in 10 s", load->busy);
    }
}

static int by_size(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static double quantile(const struct load *load, double share)
{
    size_t at = (size_t)((double)(load->measured - 1) * share);
    return (double)load->latencies[at] / 1e3;
}

static void print(const struct load *load)
{
    if (load->measured == 0)
        errx(1, "load: nothing was answered (%zu errors)", load->errors);
    qsort(load->latencies, load->measured, sizeof(*load->latencies), by_size);
    printf("{\"requests\": %zu, \"errors\": %zu, \"p50_us\": %.1f, \"p90_us\": %.1f, "
           "\"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f}\n",
           load->measured, load->errors, quantile(load, 0.5), quantile(load, 0.9),
           quantile(load, 0.99), quantile(load, 0.999), quantile(load, 1));
}

int main(int argc, char **argv)
{
    if (argc < 7)
        errx(2, "usage: load PORT PATH RATE SECONDS CONNECTIONS SEED [close]");
    struct load *load = calloc(1, sizeof(*load));
    double rate = atof(argv[3]), seconds = atof(argv[4]);
    int connections = atoi(argv[5]);
    struct connection *all = calloc((size_t)connections, sizeof(*all));
    if (!load || !all)
        err(1, "load");
    load->close = argc > 7;
    load->target = (struct sockaddr_in){.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)atoi(argv[1])),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    load->request_length = (size_t)snprintf(load->request, sizeof(load->request),
                                            "GET %s HTTP/1.1\r\nHost: bench\r\n%s\r\n", argv[2],
                                            load->close ? "Connection: close\r\n" : "");
    rng_init_stream(&load->rng, (uint64_t)atoll(argv[6]), "arrivals", 0);
    load->mean_gap = (double)SECOND / rate;
    load->room = (size_t)(rate * seconds * 2) + 1000;
    load->latencies = calloc(load->room, sizeof(*load->latencies));
    load->epoll = epoll_create1(0);
    if (!load->latencies || load->epoll < 0)
        err(1, "load");
    for (int i = 0; i < connections; i++) {
        all[i].fd = -1;
        all[i].next_idle = load->idle;
        load->idle = &all[i];
    }
    load->begin = now();
    load->end = load->begin + (int64_t)(seconds * 1e9);
    run(load);
    print(load);
}
