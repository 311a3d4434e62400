/* SPDX-License-Identifier: MIT */
/* The gateway as a process: its workers, signals, readiness, drain. */
#ifndef TAILGATE_PROXY_PROXY_H
#define TAILGATE_PROXY_PROXY_H

#include <stdatomic.h>

#include "lib/base/result.h"
#include "lib/serve/control.h"
#include "proxy/worker.h"

struct proxy {
    const struct proxy_config *config;
    const struct secure *secure; /* its TLS contexts */
    struct log log;
    struct loop loop; /* of the main thread: signals, the control line, the drain's deadline */
    struct record_store *store;
    const char **names; /* what NAME columns index: routes, upstreams, endpoints */
    size_t name_count;
    struct shared_upstream *upstreams;
    struct address *listening; /* one per listener, ports resolved */
    struct access_log access;
    struct worker *workers;
    size_t worker_count;
    atomic_int phase; /* enum worker_phase, set by the main thread */
    atomic_int running;
    int finished_fd; /* eventfd: a worker has ended */
    struct fd_watch finished;
    struct timer drain_deadline;
    struct signal_watch on_term, on_int, on_usr1;
    struct control control;
    struct admin *admin; /* NULL: none */
    uint64_t seed;
};

/* Runs the gateway until it was told to stop; `control_fd` is the lab's line to it, or -1. Prints
 * what is wrong with the configuration or the machine. */
enum exit_status proxy_run(const char *config_path, int control_fd);

/* A worker's thread is about to end. */
void proxy_worker_ended(struct proxy *proxy);

/* Another worker may be able to use a connection that came free. */
void proxy_wake_others(struct proxy *proxy, const struct worker *except);

/* A request of `upstream`'s worker waits: the others are to look at the connections they keep. */
void proxy_wake_idle(struct proxy *proxy, const struct upstream *upstream);

static inline size_t proxy_worker_count(const struct proxy *proxy)
{
    return proxy->worker_count;
}

/* The indexes of names in records. */
uint16_t proxy_route_name(const struct proxy *proxy, size_t route);
uint16_t proxy_upstream_name(const struct proxy *proxy, size_t upstream);
uint16_t proxy_endpoint_name(const struct proxy *proxy, size_t upstream, size_t endpoint);

#endif
