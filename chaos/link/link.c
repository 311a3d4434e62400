/* SPDX-License-Identifier: MIT */
#include "chaos/link/link.h"

#include <stdlib.h>
#include <string.h>

#include "chaos/link/link_faults.h"
#include "chaos/link/pair.h"
#include "chaos/link/resolve.h"
#include "chaos/link/upstream.h"
#include "lib/base/memory.h"

/* A reset that came together with the last bytes shows only when it is asked for. */
#define LOOK_INTERVAL duration_ms(100)

static struct pair *pair_at(struct list *node)
{
    return list_entry(node, struct pair, node);
}

/* ---- connections */

static void on_accept(void *owner, int fd, const struct address *peer)
{
    struct link *link = owner;
    mono now = {0};
    uint64_t ordinal = link->accepted++;
    if (!list_empty(&link->faults))
        now = mono_now();
    if (link_refuses(link, fd, ordinal, now))
        return;
    struct pair *pair = pair_open(link, fd, ordinal);
    if (!pair)
        return;
    link->open++;
    list_push_back(&link->pairs, &pair->node);
    duration wait = link_touch_new(link, pair, now);
    link->waiting += wait.ns > 0;
    pair_begin(pair, wait);
    if (wait.ns > 0)
        link_turn_gate(link, now);
}

void link_pair_dialed(struct link *link, int problem)
{
    const struct log *log = link->links->log;
    bool changed = link->unreachable != (problem != 0);
    link->unreachable = problem != 0;
    link->unreached += problem != 0;
    if (changed && problem != 0)
        log_warn(log, link->name, "cannot connect to %s: %s; connections are closed until it can",
                 link->upstream, strerror(problem));
    else if (changed)
        log_info(log, link->name, "%s can be connected to again", link->upstream);
}

static void on_exhausted(void *owner, bool paused)
{
    const struct link *link = owner;
    if (paused)
        log_warn(
            link->links->log, link->name,
            "no descriptor is left: new connections wait until there is one (raise ulimit -n)");
    else
        log_info(link->links->log, link->name, "accepts connections again");
}

void link_pair_accepted(struct link *link)
{
    link->waiting--;
    link_turn_gate(link, mono_now());
}

void link_pair_closed(struct link *link, struct pair *pair, bool was_waiting)
{
    const struct flow *flows[] = {&pair->up, &pair->down};
    for (int i = 0; i < 2; i++) {
        link->received[i] += flows[i]->received;
        link->sent[i] += flows[i]->sent;
    }
    link->open--;
    list_remove(&pair->node);
    list_push_back(&link->links->dead, &pair->node);
    soon_ask(&link->links->bury);
    if (was_waiting)
        link_pair_accepted(link);
}

static uint64_t sum(const struct link *link, enum fault_stream stream, uint64_t closed,
                    size_t member)
{
    list_foreach (node, &link->pairs) {
        const struct pair *pair = pair_at(node);
        const struct flow *flow = stream == FAULT_STREAM_UPSTREAM ? &pair->up : &pair->down;
        closed += *(const uint64_t *)(const void *)((const char *)flow + member);
    }
    return closed;
}

uint64_t link_received(const struct link *link, enum fault_stream stream)
{
    return sum(link, stream, link->received[stream], offsetof(struct flow, received));
}

uint64_t link_sent(const struct link *link, enum fault_stream stream)
{
    return sum(link, stream, link->sent[stream], offsetof(struct flow, sent));
}

/* ---- links */

struct link *link_add(struct links *links, const char *name)
{
    struct link *link = mem_alloc(1, sizeof(*link));
    link->links = links;
    link->name = mem_text(name);
    link->listener.fd = -1;
    link->gate = LINK_CLOSED;
    link->record_name = journal_name(links->journal, name);
    list_init(&link->faults);
    list_init(&link->pairs);
    alarm_init(&link->alarm, link_on_alarm, link);
    list_push_back(&links->all, &link->node);
    return link;
}

enum result link_find_ends(struct link_ends *ends, struct error *error)
{
    enum result result = resolve_listen(&ends->listen_address, ends->listen, error);
    if (result == OK)
        result = resolve_upstream(&ends->upstream_address, ends->upstream, error);
    struct ip_peer own = address_peer(&ends->listen_address);
    bool any_port = own.kind == IP_PEER_IP && own.port == 0;
    if (result == OK && !any_port && address_equal(&ends->listen_address, &ends->upstream_address))
        return error_set(error, FAILED_INPUT,
                         "\"%s\" is where the link listens: it would lead to itself",
                         ends->upstream);
    return result;
}

bool link_has_ends(const struct link *link, const struct link_ends *ends)
{
    return link->upstream && strcmp(link->upstream, ends->upstream) == 0 &&
           address_equal(&link->listen_address, &ends->listen_address);
}

static void replace_text(char **text, const char *by)
{
    char *old = *text;
    *text = mem_text(by);
    free(old);
}

/* Accepts on a socket that listens. */
static void open_gate(struct link *link, int fd)
{
    char text[ADDRESS_TEXT];
    listener_start(&link->listener, link->links->loop, fd, false, on_accept, link);
    link->listener.exhausted = on_exhausted;
    link->listen_address = link->listener.address;
    replace_text(&link->listen, address_format(&link->listen_address, text, sizeof(text)));
    link->gate = LINK_ACCEPTS;
    upstream_look_up(link);
    link_turn(link, mono_now());
}

static void close_pairs(struct link *link)
{
    while (!list_empty(&link->pairs))
        pair_close(pair_at(list_first(&link->pairs)), PAIR_REASON_STOPPING);
}

/* A socket at the new place, before the old one is closed. Only where the two places overlap, as an
 * address and every address of one port do, the old one must go first, and comes back on failure.
 */
static enum result move_gate(struct link *link, const struct link_ends *ends, int *fd,
                             struct error *error)
{
    const struct listener_options options = {.backlog = 0};
    struct error why;
    if (listener_socket(fd, &ends->listen_address, &options, error) == OK) {
        link_stop_accepting(link);
        return OK;
    }
    link_stop_accepting(link);
    enum result result = listener_socket(fd, &ends->listen_address, &options, error);
    if (result == OK)
        return OK;
    int old;
    if (listener_socket(&old, &link->listen_address, &options, &why) == OK)
        open_gate(link, old);
    else
        log_error(link->links->log, link->name, "%s", why.text);
    return result;
}

enum result link_set_ends(struct link *link, const struct link_ends *ends, struct error *error)
{
    bool moves = !address_equal(&link->listen_address, &ends->listen_address);
    int fd = -1;
    if (moves && link_is_enabled(link)) {
        enum result result = move_gate(link, ends, &fd, error);
        if (result != OK)
            return result;
    }
    close_pairs(link);
    upstream_abandon(link);
    link->upstream_address = ends->upstream_address;
    replace_text(&link->upstream, ends->upstream);
    if (moves) {
        link->listen_address = ends->listen_address;
        replace_text(&link->listen, ends->listen);
    }
    if (fd >= 0)
        open_gate(link, fd);
    return OK;
}

enum result link_enable(struct link *link, struct error *error)
{
    const struct listener_options options = {.backlog = 0};
    int fd;
    if (link_is_enabled(link))
        return OK;
    enum result result = listener_socket(&fd, &link->listen_address, &options, error);
    if (result == OK)
        open_gate(link, fd);
    return result;
}

void link_stop_accepting(struct link *link)
{
    link_gate_closes(link);
    listener_close(&link->listener);
    link->gate = LINK_CLOSED;
}

void link_disable(struct link *link)
{
    link_stop_accepting(link);
    close_pairs(link);
}

static void free_dead(void *arg)
{
    struct links *links = arg;
    for (struct list *node; (node = list_pop_front(&links->dead));)
        pair_free(pair_at(node));
}

void link_remove(struct link *link)
{
    link_disable(link);
    /* Closed pairs know their link. */
    free_dead(link->links);
    link_drop_faults(link);
    alarm_stop(&link->links->alarms, &link->alarm);
    upstream_abandon(link);
    list_remove(&link->node);
    free(link->name);
    free(link->listen);
    free(link->upstream);
    free(link);
}

/* ---- all of them */

static void look(void *arg)
{
    struct links *links = arg;
    struct list lately;
    list_init(&lately);
    for (struct list *node; (node = list_pop_front(&links->recent));)
        list_push_back(&lately, node);
    for (struct list *node; (node = list_pop_front(&lately));)
        pair_look(list_entry(node, struct pair, recent));
}

void links_remember(struct links *links, struct pair *pair)
{
    if (links->awake.patience.ns > 0)
        awake_note(&links->awake, mono_now());
    if (!list_empty(&pair->recent))
        return;
    list_push_back(&links->recent, &pair->recent);
    if (!timer_running(&links->look))
        timer_start(&links->look, LOOK_INTERVAL);
}

enum result links_init(struct links *links, struct loop *loop, const struct log *log,
                       struct journal *journal, struct error *error)
{
    links->loop = loop;
    links->log = log;
    links->journal = journal;
    list_init(&links->all);
    list_init(&links->dead);
    list_init(&links->recent);
    links->sights = mem_alloc(LINKS_SIGHTS, sizeof(*links->sights));
    soon_init(&links->bury, loop, free_dead, links);
    timer_init(&links->look, loop, look, links);
    awake_init(&links->awake, loop, links->awake.patience);
    return alarms_init(&links->alarms, loop, error);
}

void links_release(struct links *links)
{
    while (!list_empty(&links->all))
        link_remove(list_entry(list_first(&links->all), struct link, node));
    soon_cancel(&links->bury);
    timer_stop(&links->look);
    resolver_free(&links->resolver);
    awake_release(&links->awake);
    alarms_release(&links->alarms);
    free(links->sights);
    free_dead(links);
}

void links_start(struct links *links, mono epoch)
{
    links->epoch = epoch;
    list_foreach (node, &links->all) {
        struct link *link = list_entry(node, struct link, node);
        link_start_faults(link, epoch);
    }
}

struct link *links_find(const struct links *links, const char *name)
{
    list_foreach (node, &links->all) {
        struct link *link = list_entry(node, struct link, node);
        if (strcmp(link->name, name) == 0)
            return link;
    }
    return NULL;
}

size_t links_open_connections(const struct links *links)
{
    size_t open = 0;
    list_foreach (node, &links->all)
        open += list_entry(node, struct link, node)->open;
    return open;
}
