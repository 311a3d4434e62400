/* SPDX-License-Identifier: MIT */
/* Faults on a connection of a program's own: a table of functions that wraps the connection's
 * (plain or TLS, above which faults work), with a stream for each direction between its owner and
 * the peer. The owner reads and writes as before; what it reads and writes arrives when, how and if
 * the streams say. Faults come and go while the connection lives, and with the last of them the
 * wrapping. */
#ifndef TAILGATE_CHAOS_CONN_FAULTY_H
#define TAILGATE_CHAOS_CONN_FAULTY_H

#include "chaos/stream/stream.h"
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

/* A fault that works on bytes touches the connection from now on. `id` names it in later calls; the
 * fault outlives its stay. `up` and `down` are where its random lengths come from. */
void faulty_touch(struct conn *conn, struct faulty_shared *shared, unsigned id,
                  const struct fault_config *fault, const struct rng *up, const struct rng *down,
                  mono now);

/* It is another fault of the same kind from now on. Harmless when it does not touch the connection.
 */
void faulty_change(struct conn *conn, unsigned id, const struct fault_config *fault, mono now);

/* It lets go: what it held goes on at once. Harmless when it does not touch the connection. */
void faulty_let_go(struct conn *conn, unsigned id, mono now);

bool faulty_is_on(const struct conn *conn);

#endif
