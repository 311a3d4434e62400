/* SPDX-License-Identifier: MIT */
/* Faults on a connection of a program's own: a table of functions that wraps the connection's
 * (plain or TLS, above which faults work), with a stream for each direction between its owner and
 * the peer, and a dialog between the two where faults touch messages. The owner reads and writes as
 * before; what it reads and writes arrives when, how and if the streams say. Faults come and go
 * while the connection lives, and with the last of them the wrapping. */
#ifndef TAILGATE_CHAOS_CONN_FAULTY_H
#define TAILGATE_CHAOS_CONN_FAULTY_H

#include "chaos/message/dialog.h"
#include "lib/net/alarm.h"
#include "lib/net/conn.h"

/* What the wrapped connections of a thread share. */
struct faulty_shared {
    struct alarms *alarms;
    char *scratch; /* NULL until it is needed */
    size_t limit;  /* of bytes in flight in one direction */
};

void faulty_shared_init(struct faulty_shared *shared, struct alarms *alarms, size_t limit);
void faulty_shared_release(struct faulty_shared *shared);

/* A fault. What it draws lengths from depends on the direction. */
struct faulty_fault {
    unsigned id; /* names it in later calls */
    const struct fault_config *config;
    uint64_t key; /* what it was drawn by */
    struct rng up, down;
};

/* A fault that works on bytes touches the connection from now on; one that works on messages
 * touches the next request that the owner sends. The configuration outlives its stay. */
void faulty_touch(struct conn *conn, struct faulty_shared *shared, const struct faulty_fault *fault,
                  mono now);

/* It is another fault of the same kind from now on. Harmless when it does not touch the connection.
 */
void faulty_change(struct conn *conn, unsigned id, const struct fault_config *fault, mono now);

/* It lets go: what it held goes on at once. Harmless when it does not touch the connection. */
void faulty_let_go(struct conn *conn, unsigned id, mono now);

bool faulty_is_on(const struct conn *conn);

#endif
