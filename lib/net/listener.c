/* SPDX-License-Identifier: MIT */
#include "lib/net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* How many connections one wake-up accepts before others have their turn. */
enum { ACCEPT_BATCH = 64 };

/* How many are accepted at most by a listener that is about to close: more than a backlog holds. */
enum { ACCEPT_LAST = 65536 };

static const duration RESUME_AFTER = {100 * NS_PER_MS};

static void set_starved(struct listener *listener, bool starved)
{
    if (listener->starved == starved)
        return;
    listener->starved = starved;
    if (listener->exhausted)
        listener->exhausted(listener->owner, starved);
}

static void pause_accepting(struct listener *listener)
{
    listener->paused = true;
    event_del(&listener->event);
    timer_start(&listener->resume, RESUME_AFTER);
    set_starved(listener, true);
}

static bool out_of_resources(int problem)
{
    return problem == EMFILE || problem == ENFILE || problem == ENOBUFS || problem == ENOMEM;
}

static int accept_plainly(struct listener *listener, struct address *peer)
{
    peer->length = sizeof(peer->u);
    return accept4(listener->fd, &peer->u.any, &peer->length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/* The limit is that of all threads, which is why it is lifted for this one call. */
static int accept_from_reserve(struct listener *listener, struct address *peer)
{
    struct rlimit before, lifted;
    if (getrlimit(RLIMIT_NOFILE, &before) != 0)
        return -1;
    lifted = before;
    lifted.rlim_cur += listener->reserve;
    if (lifted.rlim_cur > before.rlim_max)
        lifted.rlim_cur = before.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &lifted) != 0)
        return -1;
    int accepted = accept_plainly(listener, peer);
    int problem = errno;
    (void)setrlimit(RLIMIT_NOFILE, &before);
    errno = problem;
    return accepted;
}

static int accept_one(struct listener *listener, struct address *peer)
{
    int accepted = accept_plainly(listener, peer);
    bool lends = accepted < 0 && errno == EMFILE && listener->reserve > 0;
    return lends ? accept_from_reserve(listener, peer) : accepted;
}

static void accept_some(struct listener *listener, int limit)
{
    for (int i = 0; i < limit && listener->fd >= 0 && !listener->held; i++) {
        struct address peer;
        int accepted = accept_one(listener, &peer);
        int problem = accepted < 0 ? errno : 0;
        if (out_of_resources(problem)) {
            pause_accepting(listener);
            return;
        }
        set_starved(listener, false);
        if (accepted >= 0)
            listener->accept(listener->owner, accepted, &peer);
        else if (problem != EINTR && problem != ECONNABORTED)
            return;
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    accept_some(arg, ACCEPT_BATCH);
}

static void resume_accepting(void *arg)
{
    struct listener *listener = arg;
    listener->paused = false;
    if (listener->held)
        return;
    event_add(&listener->event, NULL);
    accept_some(listener, ACCEPT_BATCH);
}

/* What to do about it. */
static const char *bind_hint(int problem, bool path)
{
    switch (problem) {
    case EADDRINUSE:
        return path ? "another program already does, or something else is there (stop it, remove "
                      "it, or choose another path)"
                    : "another program already does (stop it, or choose another port)";
    case EACCES:
        return path ? "not allowed (its folder must be writable)"
                    : "not allowed (ports below 1024 need privileges)";
    case ENOENT:
        return "its folder is not there (make it, or choose another path)";
    case EADDRNOTAVAIL:
        return "no interface of this machine has the address (choose one that has, or 0.0.0.0 or "
               "[::] for all)";
    default:
        return strerror(problem);
    }
}

static enum result bind_error(struct error *error, const struct address *address)
{
    char text[ADDRESS_TEXT];
    int problem = errno;
    return error_set(error, FAILED_SYSTEM, "cannot listen on %s: %s",
                     address_format(address, text, sizeof(text)),
                     bind_hint(problem, address->u.any.sa_family == AF_UNIX));
}

/* A path outlives its process when that was killed; nobody listens there any more. Only a socket is
 * removed: to connect to a file is refused as well. */
static bool clear_abandoned(const struct address *address)
{
    struct stat found;
    if (lstat(address->u.un.sun_path, &found) != 0 || !S_ISSOCK(found.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool abandoned =
        fd >= 0 && connect(fd, &address->u.any, address->length) != 0 && errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    return abandoned && unlink(address->u.un.sun_path) == 0;
}

static bool bind_to(int fd, const struct address *address)
{
    if (bind(fd, &address->u.any, address->length) == 0)
        return true;
    if (errno != EADDRINUSE || address->u.any.sa_family != AF_UNIX)
        return false;
    if (clear_abandoned(address))
        return bind(fd, &address->u.any, address->length) == 0;
    errno = EADDRINUSE;
    return false;
}

/* Nobody can connect before listen(2), so nobody comes in by what the umask left. */
static bool set_mode(const struct address *address, unsigned mode)
{
    return mode == 0 || address->u.any.sa_family != AF_UNIX ||
           chmod(address->u.un.sun_path, (mode_t)mode) == 0;
}

static int bound_socket(const struct address *address, const struct listener_options *options)
{
    int on = 1;
    int fd = socket(address->u.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (options->share)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    if (bind_to(fd, address) && set_mode(address, options->mode))
        return fd;
    int problem = errno;
    close(fd);
    errno = problem;
    return -1;
}

enum result listener_socket(int *fd, const struct address *address,
                            const struct listener_options *options, struct error *error)
{
    *fd = bound_socket(address, options);
    if (*fd >= 0 && listen(*fd, options->backlog > 0 ? options->backlog : SOMAXCONN) == 0)
        return OK;
    enum result result = bind_error(error, address);
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    return result;
}

static void watch(struct listener *listener)
{
    timer_init(&listener->resume, listener->loop, resume_accepting, listener);
    event_assign(&listener->event, listener->loop->base, listener->fd, EV_READ | EV_PERSIST,
                 on_readable, listener);
    if (listener->paused)
        timer_start(&listener->resume, RESUME_AFTER);
    else if (!listener->held)
        event_add(&listener->event, NULL);
}

void listener_start(struct listener *listener, struct loop *loop, int fd, bool beside,
                    listener_accept *accept, void *owner)
{
    int on = 1;
    *listener = (struct listener){
        .loop = loop, .accept = accept, .owner = owner, .fd = fd, .beside = beside};
    address_of_socket(&listener->address, fd);
    /* Accepted sockets inherit it, which saves each of them the call. */
    if (listener->address.u.any.sa_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    watch(listener);
}

enum result listener_open(struct listener *listener, struct loop *loop,
                          const struct address *address, const struct listener_options *options,
                          listener_accept *accept, void *owner, struct error *error)
{
    int fd;
    *listener = (struct listener){.fd = -1};
    enum result result = listener_socket(&fd, address, options, error);
    if (result == OK)
        listener_start(listener, loop, fd, false, accept, owner);
    return result;
}

void listener_move(struct listener *to, struct listener *from, void *owner)
{
    bool open = from->fd >= 0;
    if (open) {
        event_del(&from->event);
        timer_stop(&from->resume);
    }
    *to = *from;
    to->owner = owner;
    from->fd = -1;
    if (open)
        watch(to);
}

void listener_hold(struct listener *listener, bool hold)
{
    if (listener->fd < 0 || listener->held == hold)
        return;
    listener->held = hold;
    if (hold)
        event_del(&listener->event);
    else if (!listener->paused)
        event_add(&listener->event, NULL);
}

/* A socket that is shut down keeps its port, unless the system had chosen that: then it takes the
 * same again before anybody else does. */
void listener_shut(struct listener *listener)
{
    shutdown(listener->fd, SHUT_RDWR);
    (void)bind(listener->fd, &listener->address.u.any, listener->address.length);
}

bool listener_listen(struct listener *listener, int backlog)
{
    return listen(listener->fd, backlog > 0 ? backlog : SOMAXCONN) == 0;
}

void listener_close(struct listener *listener)
{
    if (listener->fd < 0)
        return;
    event_del(&listener->event);
    timer_stop(&listener->resume);
    close(listener->fd);
    listener->fd = -1;
    if (listener->address.u.any.sa_family == AF_UNIX && !listener->beside)
        unlink(listener->address.u.un.sun_path);
}

void listener_finish(struct listener *listener)
{
    accept_some(listener, ACCEPT_LAST);
    listener_close(listener);
}

enum result listener_check_free(const struct address *address, struct error *error)
{
    /* Without SO_REUSEPORT the kernel refuses a port that anybody has bound with it; the check must
     * also listen, for SO_REUSEADDR lets a second bind pass. */
    const struct listener_options alone = {.share = false};
    int fd = bound_socket(address, &alone);
    if (fd < 0 || listen(fd, 1) != 0) {
        enum result result = bind_error(error, address);
        if (fd >= 0)
            close(fd);
        return result;
    }
    close(fd);
    if (address->u.any.sa_family == AF_UNIX)
        unlink(address->u.un.sun_path);
    return OK;
}
