/* SPDX-License-Identifier: MIT */
/* A worker: one thread with its own event loop, listening sockets, connection pools, memory and
 * record writer. Nothing here is shared but what shared.h has in atomics, which a request touches
 * only when a connection is opened or closed, or somebody waits for one. */
#ifndef TAILGATE_PROXY_WORKER_WORKER_H
#define TAILGATE_PROXY_WORKER_WORKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "lib/base/budget.h"
#include "lib/base/buf.h"
#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/rng.h"
#include "lib/http/date.h"
#include "lib/http/head.h"
#include "lib/net/conn.h"
#include "lib/net/listener.h"
#include "lib/net/pipe.h"
#include "lib/net/timeout.h"
#include "lib/net/tls.h"
#include "lib/record/reader.h"
#include "lib/record/store.h"
#include "proxy/config/config.h"
#include "proxy/connection/trouble.h"
#include "proxy/observe/access.h"
#include "proxy/observe/counters.h"
#include "proxy/observe/state_log.h"
#include "proxy/process/shared.h"
#include "proxy/rules/balance.h"

/* Bytes taken from a socket at once; what one direction of one exchange may hold back. */
enum { SCRATCH_SIZE = 65536 };

/* The connections of one worker to one endpoint. */
struct pool {
    struct shared_endpoint *shared;
    struct upstream *upstream;
    struct pool *successor; /* the same in the worker's current realm; NULL: there is none */
    const char *name;
    const char *authority; /* for Host */
    struct list idle;      /* struct uplink, the most recently used first */
    int idle_count;
    int open;         /* connections of this worker, idle or not */
    bool long_bodies; /* the last response was long: the next one may be as well */
    uint16_t name_id;
    struct endpoint_counters *counters; /* this worker's */
    char *tls_name; /* what the endpoint's certificate must be for; NULL = anything */
    struct tls_memory tls_memory;
    struct troubles troubles;
    struct timer restore; /* runs in the worker that ejected the endpoint */
};

/* An upstream as one worker sees it. */
struct upstream {
    const struct upstream_config *config;
    struct shared_upstream *shared;
    struct realm *realm;
    struct worker *worker;
    struct tls_context *tls; /* NULL: the endpoints speak plain HTTP */
    struct pool *pools;      /* one per endpoint */
    size_t pool_count;
    struct balance balance; /* its peers are the pools */
    struct list queue;      /* struct exchange, waiting for a connection */
    int queue_length;
    int64_t listening;       /* connections of tries that were given up */
    struct hedging *hedging; /* of routes without a policy of their own; NULL: nothing is hedged */
    int idle_limit;          /* idle connections kept per pool */
    struct budget retry_budget, hedge_budget;
    uint64_t faults; /* by their bits: those that may touch connections to it */
    uint16_t name_id;
    struct timeout_queue connect, response, body, total, wait, tunnel, idle, late;
    struct timeout_queue settle; /* deferred cleanup looks again whether the client has taken all */
};

/* A listener as one worker sees it. */
struct entrance {
    const struct listener_config *config;
    struct listener listener;
    struct worker *worker;
    struct realm *realm;
    struct entrance *successor; /* the same in the worker's current realm; NULL: there is none */
    struct tls_context *tls;    /* NULL: its clients speak plain HTTP */
    char port[6];               /* in digits; empty for a Unix socket */
    struct log_pace tls_failures;
    bool refused_greeting; /* a PROXY header was missing or wrong: said once, not for each */
    struct timeout_queue head, body, send, idle, linger, greeting; /* of its clients */
};

/* Buffers are lent to a connection or exchange while it has bytes in flight. The stash keeps what
 * comes back, so that a warm worker allocates none; under `inline` and `deferred` cleanup it keeps
 * nothing: memory is allocated and freed. */
enum { LENT_SIZE = 16384, STASH_SLOTS = 256 };

struct stash {
    bool keeps;
    int count;
    struct buf slots[STASH_SLOTS];
};

enum worker_phase { WORKER_SERVING, WORKER_DRAINING, WORKER_STOPPING };

struct worker {
    struct proxy *proxy;
    const struct proxy_config *config; /* the current one; a request goes by that of its realm */
    uint16_t number;
    enum worker_phase phase;
    pthread_t thread;
    struct loop loop;
    struct log log;
    struct rng rng;
    mono now; /* when the callback that runs was entered */

    struct realm *realm;       /* what new requests go by */
    struct list realms;        /* and those that older ones still go by; the oldest is the first */
    uint64_t told;             /* the number of the latest generation it was shown */
    struct timeout_queue held; /* requests that wait for their turn under a limit */
    struct list clients;
    struct list late; /* tries that were given up and are listened to */
    uint64_t next_connection;
    struct engine *engine; /* injected faults */
    struct prober *prober; /* health checks, for all workers; NULL in all but one */

    struct slab client_slab, exchange_slab, uplink_slab, texts_slab;
    struct stash stash;
    struct pipes pipes;    /* for long bodies; in use only while bytes wait for a client */
    struct list graveyard; /* closed connections whose callers may still look at them */
    struct soon bury, serve, retire;

    struct record_writer *records; /* NULL: nothing is recorded */
    struct record_source source;   /* names for the access log */
    struct access_lines access_lines;
    struct access_clock access_clock;
    struct state_log state_log;
    struct timer access_flush;
    struct counters counters;

    int wake_fd; /* eventfd: another thread has something for this worker */
    struct fd_watch wake;

    /* What the callback that runs parses and builds; empty between callbacks. */
    struct http_head request_head, response_head;
    struct buf head_out;
    struct buf path; /* of the request at hand, where it has to be resolved */
    char *scratch;

    mono date_until; /* `date` is right until then */
    char date[HTTP_DATE + 1];
};

/* Reads the clock once for the callback that begins. */
static inline void worker_enter(struct worker *worker)
{
    worker->now = mono_now();
}

/* The time of day for a Date field, made anew once a second. */
const char *worker_date(struct worker *worker);

/* Sets up worker `number` of `proxy`; its listeners accept once worker_run runs. */
enum result worker_init(struct worker *worker, struct proxy *proxy, uint16_t number,
                        struct error *error) MUST_USE;
void worker_release(struct worker *worker);

/* The thread's function: runs until the worker has drained or was stopped. */
void *worker_run(void *worker);

/* Has the worker look at the proxy's configuration and phase, and at requests that wait for a
 * connection. From any thread. */
void worker_wake(struct worker *worker);

/* The worker takes names for what it writes from this generation, which has all of those before. */
struct generation;
void worker_learn_generation(struct worker *worker, const struct generation *generation);

/* The same of names alone; fewer than it knows are none that are new. They stay where they are. */
void worker_learn_names(struct worker *worker, const char *const *names, size_t count);

/* Called when a client has gone: a draining worker ends with its last one. */
void worker_client_gone(struct worker *worker);

static inline bool upstream_has_queue(const struct upstream *upstream)
{
    return !list_empty(&upstream->queue);
}

/* Requests that wait for a connection are served at the end of the current round. */
void worker_serve_soon(struct worker *worker);

/* Gives an unused `buf` memory of at least LENT_SIZE; a used one is left alone. */
void worker_lend(struct worker *worker, struct buf *buf);
/* Takes the memory back and empties the buffer. */
void worker_take_back(struct worker *worker, struct buf *buf);

/* A closed object is freed once the callbacks that are due now have run. */
struct grave {
    struct list node;
    struct slab *slab;
    void *object;
};
void worker_bury(struct worker *worker, struct grave *grave, struct slab *slab, void *object);

#endif
