/* SPDX-License-Identifier: MIT */
/* The gateway as a process: its workers, signals, readiness, drain. */
#ifndef TAILGATE_PROXY_PROCESS_PROXY_H
#define TAILGATE_PROXY_PROCESS_PROXY_H

#include <stdatomic.h>

#include "lib/base/result.h"
#include "lib/serve/control.h"
#include "proxy/process/directory.h"
#include "proxy/process/faults.h"
#include "proxy/process/generation.h"
#include "proxy/process/names.h"
#include "proxy/process/notify.h"
#include "proxy/worker/worker.h"

/* Where a new generation comes from: the configuration's file; a file of endpoints, or what DNS
 * says of their names, with the configuration as it was read last. */
enum change_source { CHANGE_CONFIG, CHANGE_ENDPOINTS_FILE, CHANGE_ANSWERS };

struct change {
    enum change_source source;
    const char *upstream;    /* whose file of endpoints has changed */
    struct generation *next; /* it waits for the addresses of its names; NULL: there is none */
};

struct proxy {
    const char *config_path;
    const struct proxy_config *config; /* of the latest generation */
    struct log log;
    struct loop loop; /* of the main thread: signals, the control line, the drain's deadline */
    struct record_store *store;
    struct record_writer *records; /* the main thread's; NULL: it has had nothing to record */
    struct names names;
    struct faults faults;
    struct list generations;               /* all that live, the latest first */
    struct generation *_Atomic generation; /* the latest; set by the main thread */
    atomic_int taking;                     /* workers that have not taken it over yet */
    bool reloading, reload_again;
    uint64_t reloads, reloads_refused, updates_refused, answers_refused;
    struct timer watch; /* the next look at files of endpoints */
    struct directory directory;
    struct change change; /* on its way while `reloading` */
    bool answers_wait;    /* names stand for other addresses than the latest generation has */
    struct access_log access;
    struct worker *workers;
    size_t worker_count;
    atomic_int phase; /* enum worker_phase, set by the main thread */
    atomic_int running;
    int news_fd; /* eventfd: a worker has ended, or has gone over to another generation */
    struct fd_watch news;
    struct timer drain_deadline;
    struct signal_watch on_term, on_int, on_usr1, on_hup;
    struct control control;
    struct notify notify;
    struct admin *admin; /* NULL: none */
    uint64_t seed;
};

/* Runs the gateway until it was told to stop; `control_fd` is the lab's line to it, or -1. Prints
 * what is wrong with the configuration or the machine. */
enum exit_status proxy_run(const char *config_path, int control_fd);

/* A worker's thread is about to end. */
void proxy_worker_ended(struct proxy *proxy);

/* From a worker's thread: it has taken over the latest generation; it has nothing of that one any
 * more. */
void proxy_generation_taken(struct proxy *proxy);
void proxy_generation_left(struct proxy *proxy, struct generation *generation);

/* Appends what the latest generation listens on, with spaces between, and a NUL. */
void proxy_addresses(const struct proxy *proxy, struct buf *out);

/* Another worker may be able to use a connection that came free. */
void proxy_wake_others(struct proxy *proxy, const struct worker *except);

/* A request of `upstream`'s worker waits: the others are to look at the connections they keep. */
void proxy_wake_idle(struct proxy *proxy, const struct upstream *upstream);

static inline size_t proxy_worker_count(const struct proxy *proxy)
{
    return proxy->worker_count;
}

#endif
