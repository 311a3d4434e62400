/* SPDX-License-Identifier: MIT */
/* A listening socket. When the process runs out of descriptors the listener pauses for a moment
 * instead of spinning, and says so. */
#ifndef TAILGATE_LIB_NET_LISTENER_H
#define TAILGATE_LIB_NET_LISTENER_H

#include "lib/net/address.h"
#include "lib/net/loop.h"

struct listener;

/* The new socket is non-blocking, close-on-exec and, for TCP, without Nagle's delay; the callee
 * owns it. */
typedef void listener_accept(void *owner, int fd, const struct address *peer);

/* Called when accepting pauses (true; no descriptors left) and when it really goes on (false),
 * however often it was tried in between. May be NULL. */
typedef void listener_exhausted(void *owner, bool paused);

struct listener {
    struct event event;
    struct timer resume;
    struct loop *loop;
    listener_accept *accept;
    listener_exhausted *exhausted;
    void *owner;
    struct address address; /* as bound: a port of 0 has been resolved */
    int fd;
    bool paused;      /* until it is tried again */
    bool starved;     /* `exhausted` was told so */
    unsigned reserve; /* descriptors above the soft limit that it may use when there is none below;
                         zero unless the owner sets it, who has lowered the limit by as many */
    bool held;
    bool beside; /* the path of its unix socket is another's to remove */
};

/* What listener_open takes beside the address. */
struct listener_options {
    int backlog;   /* 0 = the system's maximum */
    unsigned mode; /* permissions of a path; 0 = what the umask leaves */
    bool share;    /* SO_REUSEPORT: several threads accept on the same port */
};

/* A socket that is bound and listens, and whose connections wait until a listener takes it over.
 * The message of a failure names the address and what to do (port taken, not allowed). */
enum result listener_socket(int *fd, const struct address *address,
                            const struct listener_options *options, struct error *error) MUST_USE;

/* Accepts on such a socket, which is the listener's from now on. `beside`: it is a second
 * descriptor of another listener's unix socket, for a path has no SO_REUSEPORT. */
void listener_start(struct listener *listener, struct loop *loop, int fd, bool beside,
                    listener_accept *accept, void *owner);

/* Both in one. */
enum result listener_open(struct listener *listener, struct loop *loop,
                          const struct address *address, const struct listener_options *options,
                          listener_accept *accept, void *owner, struct error *error) MUST_USE;
void listener_close(struct listener *listener);

/* Accepts what waits in the backlog, and closes. */
void listener_finish(struct listener *listener);

/* Accepting goes on with `to`, for another owner, as if nothing had happened; `from` is closed and
 * keeps no socket. No connection that waits is lost. */
void listener_move(struct listener *to, struct listener *from, void *owner);

/* Accepts no more (new connections wait in the backlog) until it is told to go on: for an owner
 * that has a limit. */
void listener_hold(struct listener *listener, bool hold);

/* Connections are refused, and those that wait are reset, until listener_listen; to be held before.
 * The port stays taken. Not for a path, which could never listen again. */
void listener_shut(struct listener *listener);

/* Listens again, or with another backlog: 0 = the system's maximum. False, with errno, on failure.
 */
bool listener_listen(struct listener *listener, int backlog);

/* Fails when somebody else already listens there: SO_REUSEPORT alone would silently share the port
 * with another process of the same user. A port of 0 is free. */
enum result listener_check_free(const struct address *address, struct error *error) MUST_USE;

#endif
