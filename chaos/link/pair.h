/* SPDX-License-Identifier: MIT */
/* A connection of a client to a link and the link's connection to its upstream, joined. */
#ifndef TAILGATE_CHAOS_LINK_PAIR_H
#define TAILGATE_CHAOS_LINK_PAIR_H

#include "chaos/fault/live.h"
#include "chaos/link/flow.h"
#include "lib/net/alarm.h"
#include "lib/net/conn.h"

struct dialog;
struct link;

/* identifier, name, what happens there */
#define PAIR_STATES(X)                                               \
    X(WAITING, "waiting") /* a fault keeps it from being accepted */ \
    X(DIALING, "dialing") /* the upstream is being connected to */   \
    X(OPEN, "open")       /* bytes travel */                         \
    X(CLOSED, "closed")   /* about to be freed */

#define PAIR_STATE_ENUM(id, name) PAIR_##id,
enum pair_state { PAIR_STATES(PAIR_STATE_ENUM) PAIR_STATE_COUNT };
#undef PAIR_STATE_ENUM

/* Why a pair was closed: identifier, text for the log, whether both sides are reset. */
#define PAIR_REASONS(X)                                     \
    X(ENDED, "both sides have ended", false)                \
    X(FAILED, "a side was reset", true)                     \
    X(UNREACHABLE, "the upstream cannot be reached", false) \
    X(FAULT, "a fault closed it", false)                    \
    X(RESETTING, "a fault reset it", true)                  \
    X(STOPPING, "its link was disabled, changed or removed", false)

#define PAIR_REASON_ENUM(id, text, resets) PAIR_REASON_##id,
enum pair_reason { PAIR_REASONS(PAIR_REASON_ENUM) PAIR_REASON_COUNT };
#undef PAIR_REASON_ENUM

/* A fault that touches a pair. */
struct touch {
    struct list node; /* in its pair */
    struct live_fault *live;
    mono since;
};

struct pair {
    struct list node;   /* in its link, or among the dead */
    struct list recent; /* among those that have moved bytes lately */
    struct link *link;
    uint64_t ordinal; /* from 0 on its link */
    enum pair_state state;
    struct conn client, upstream;
    struct flow up, down;
    struct alarm alarm;
    struct list touches;
    struct dialog *dialog; /* NULL: its requests are not followed */
};

/* Takes over an accepted socket. NULL when it cannot be watched; it is closed then. */
struct pair *pair_open(struct link *link, int fd, uint64_t ordinal);

/* Goes on to connect to the upstream, or waits before. */
void pair_begin(struct pair *pair, duration wait);

/* Whether it waits until it is known where its link's upstream is, and what it does then: connects,
 * or is closed where nobody knows. */
bool pair_waits_for_address(const struct pair *pair);
void pair_connect(struct pair *pair);

/* Whether a fault touches it from now on, or not any more; harmless when it is so already. */
void pair_touch(struct pair *pair, struct live_fault *live, mono now);
void pair_let_go(struct pair *pair, struct live_fault *live, mono now);
bool pair_is_touched(const struct pair *pair, const struct live_fault *live);

/* The stages of a fault on bytes, in the streams that it works on; `key` is what it was drawn by.
 * Each is harmless when there is nothing to do. Those that are retired go once they hold nothing.
 */
void pair_add_stages(struct pair *pair, struct live_fault *live, uint64_t key, mono now);
void pair_retire_stages(struct pair *pair, const struct live_fault *live, mono now);
void pair_remove_stages(struct pair *pair, const struct live_fault *live, mono now);
void pair_change_stages(struct pair *pair, const struct live_fault *live, mono now);

/* The fault that touches it has changed. */
void pair_fault_changed(struct pair *pair, struct live_fault *live, mono now);

/* Does whatever can be done. May close the pair. */
void pair_run(struct pair *pair);

void pair_close(struct pair *pair, enum pair_reason reason);

/* Looks for resets that came with the last bytes. May close the pair. */
void pair_look(struct pair *pair);

/* Frees a closed pair. */
void pair_free(struct pair *pair);

#endif
