/* SPDX-License-Identifier: MIT */
/* Waiting until a client has room for the whole of its response.
 *
 * What counts is that nothing of it waits unsent on this side (SIOCOUTQNSD). Waiting for its
 * acknowledgement as well (SIOCOUTQ) would measure the delayed acknowledgements of the client's
 * kernel, up to 40 ms, and not the client. The kernel reports no edge for it, so it is polled while
 * somebody waits. */
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "lib/serve/serve_internal.h"

#define POLL_INTERVAL duration_ms(1)

static bool all_sent(const struct serve_conn *conn)
{
    int unsent = 0;
    if (ioctl(conn->io.fd, SIOCOUTQNSD, &unsent) != 0 && ioctl(conn->io.fd, SIOCOUTQ, &unsent) != 0)
        return true;
    return unsent == 0;
}

static void poll_awaiting(void *arg)
{
    struct serve *serve = arg;
    struct list taken;
    list_init(&taken);
    list_foreach_safe (node, &serve->awaiting) {
        struct serve_conn *conn = list_entry(node, struct serve_conn, awaiting);
        if (conn->state == SERVE_STATE_WRITTEN && all_sent(conn)) {
            list_remove(node);
            list_push_back(&taken, node);
        }
    }
    /* Apart from the list above, as a callback may end other requests that wait. */
    for (struct list *node; (node = list_pop_front(&taken));) {
        struct serve_conn *conn = list_entry(node, struct serve_conn, awaiting);
        serve->calls->progress(serve->owner, conn, SERVE_TAKEN);
    }
    if (!list_empty(&serve->awaiting))
        timer_start(&serve->awaiting_timer, POLL_INTERVAL);
}

void serve_taken_init(struct serve *serve)
{
    list_init(&serve->awaiting);
    timer_init(&serve->awaiting_timer, serve->loop, poll_awaiting, serve);
}

enum serve_progress serve_await_taken(struct serve_conn *conn)
{
    struct serve *serve = conn->serve;
    if (conn->state == SERVE_STATE_GONE)
        return SERVE_GONE;
    if (conn->state == SERVE_STATE_WRITTEN && all_sent(conn))
        return SERVE_TAKEN;
    list_remove(&conn->awaiting);
    list_push_back(&serve->awaiting, &conn->awaiting);
    if (!timer_running(&serve->awaiting_timer))
        timer_start(&serve->awaiting_timer, POLL_INTERVAL);
    return SERVE_WRITING;
}
