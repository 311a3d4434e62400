/* SPDX-License-Identifier: MIT */
/* A link: a listener, the connections it takes on to its upstream, and the faults on them. */
#ifndef TAILGATE_CHAOS_LINK_LINK_H
#define TAILGATE_CHAOS_LINK_LINK_H

#include "chaos/fault/live.h"
#include "chaos/link/awake.h"
#include "chaos/link/flow.h"
#include "chaos/link/journal.h"
#include "lib/net/alarm.h"
#include "lib/net/listener.h"
#include "lib/net/resolver.h"

struct dialog_touched;
struct lookup;
struct pair;

/* Trace ids that requests had lately, by their key; newer ones take the places of older ones. */
enum { LINKS_SIGHTS = 16384 };
struct links_sight {
    uint64_t key, times;
};

/* What all links of a process share. */
struct links {
    struct loop *loop;
    const struct log *log;
    struct journal *journal;
    struct flow_shared flows;
    uint64_t seed;
    struct list all;    /* links, in the order they were added */
    struct list dead;   /* pairs, freed once the callbacks of this round are done */
    struct list recent; /* pairs that have moved bytes lately */
    struct alarms alarms;
    struct awake awake; /* its patience is set before links_init */
    struct soon bury;
    struct timer look;          /* for resets among the recent ones */
    struct links_sight *sights; /* LINKS_SIGHTS */
    mono epoch;                 /* of faults that were configured; not set: it has not come yet */
    struct resolver *resolver;  /* NULL: there was no name yet */
    struct resolver_settings resolver_settings; /* set before links_init */
};

enum link_gate {
    LINK_ACCEPTS,
    LINK_FULL,  /* its backlog is */
    LINK_SHUT,  /* it refuses connections */
    LINK_CLOSED /* it does not listen: it is disabled */
};

struct link {
    struct list node;
    struct links *links;
    char *name;
    char *listen;   /* as it was given, until it listens: then what that came to */
    char *upstream; /* as it was given */
    struct address listen_address;
    struct address upstream_address; /* length 0: it is not known what its name stands for */
    struct lookup *lookup;           /* NULL: nobody is asked */
    unsigned turn;                   /* which of several addresses of the name is taken */
    struct listener listener;
    enum link_gate gate;
    struct journal_entry refusal; /* LINK_SHUT: what will be recorded of it */
    struct list faults;           /* live_fault, in the order they were added */
    unsigned last_id;             /* of a fault */
    struct list pairs;
    struct alarm alarm; /* until a fault begins or ends */
    uint16_t record_name;
    uint64_t requests;             /* that were followed so far */
    size_t request_faults;         /* of its faults, those that are drawn for requests */
    uint64_t accepted;             /* connections so far: the next one's ordinal */
    uint64_t open;                 /* connections there are */
    uint64_t waiting;              /* of them, those that a fault keeps from being accepted */
    uint64_t unreached;            /* that found no upstream */
    bool unreachable;              /* the last of them did; it was logged */
    uint64_t received[2], sent[2]; /* bytes of closed connections, by FAULT_STREAM_... */
};

enum result links_init(struct links *links, struct loop *loop, const struct log *log,
                       struct journal *journal, struct error *error) MUST_USE;
/* Closes everything. */
void links_release(struct links *links);

/* The times of the faults that were added before it count from then. */
void links_start(struct links *links, mono epoch);

struct link *links_find(const struct links *links, const char *name);
size_t links_open_connections(const struct links *links);

/* Adds a link, which does not listen yet. */
struct link *link_add(struct links *links, const char *name);
void link_remove(struct link *link);

/* Where a link listens and what it connects to, read and not yet in use. */
struct link_ends {
    const char *listen, *upstream; /* as given */
    struct address listen_address;
    struct address upstream_address; /* length 0: its name is still to be looked up */
};
enum result link_find_ends(struct link_ends *ends, struct error *error) MUST_USE;
/* Whether they are the link's already. */
bool link_has_ends(const struct link *link, const struct link_ends *ends);
/* From now on they are; connections are closed. A link that listens goes on listening, at the new
 * place: when that is not possible nothing changes. */
enum result link_set_ends(struct link *link, const struct link_ends *ends,
                          struct error *error) MUST_USE;

/* Listens. Harmless when it does. */
enum result link_enable(struct link *link, struct error *error) MUST_USE;
/* Closes the listener and all connections. Harmless when it does not listen. */
void link_disable(struct link *link);
/* Closes the listener alone. */
void link_stop_accepting(struct link *link);

static inline bool link_is_enabled(const struct link *link)
{
    return link->gate != LINK_CLOSED;
}

struct live_fault *link_find_fault(const struct link *link, const char *name);
/* Adds a fault to the link and its connections. Its times count from now, or, `configured`, from
 * the links' epoch. */
struct live_fault *link_add_fault(struct link *link, struct fault *fault, bool configured);
void link_change_fault(struct link *link, struct live_fault *live, struct fault *fault);
void link_remove_fault(struct link *link, struct live_fault *live);
void link_remove_faults(struct link *link);

/* Bytes of all connections, by direction (FAULT_STREAM_UPSTREAM, ..._DOWNSTREAM). */
uint64_t link_received(const struct link *link, enum fault_stream stream);
uint64_t link_sent(const struct link *link, enum fault_stream stream);

/* ---- for pairs */

/* A pair is closed. */
void link_pair_closed(struct link *link, struct pair *pair, bool was_waiting);
/* A pair's upstream was reached, or could not be: `problem` is an errno then. */
void link_pair_dialed(struct link *link, int problem);
/* A pair waits no longer. */
void link_pair_accepted(struct link *link);
/* A fault lets go of a pair. */
void link_record_touch(struct link *link, struct live_fault *live, uint64_t ordinal, mono since);
/* A fault lets go of a request. */
void link_record_request(struct link *link, struct live_fault *live,
                         const struct dialog_touched *touched);
/* A pair has moved bytes. */
void links_remember(struct links *links, struct pair *pair);

#endif
