/* SPDX-License-Identifier: MIT */
#include "lib/net/resolver.h"

#include <stdlib.h>
#include <string.h>

#include <ares.h>
#include <arpa/nameser.h>

#include "lib/base/list.h"
#include "lib/base/memory.h"
#include "lib/net/dns_message.h"

struct resolver {
    ares_channel channel;
    struct loop *loop;
    struct timer timer; /* the next moment at which the library wants to look at its attempts */
    struct list sockets;
};

/* A socket of the library's. */
struct watch {
    struct list node;
    struct event event;
    struct resolver *resolver;
    int fd;
};

struct question {
    enum dns_type type;
    resolver_call *call;
    void *arg;
};

/* ---- results */

static const struct {
    const char *name, *text;
} results[DNS_RESULT_COUNT] = {
#define DNS_RESULT_ROW(id, result_name, result_text) [DNS_##id] = {result_name, result_text},
    DNS_RESULTS(DNS_RESULT_ROW)
#undef DNS_RESULT_ROW
};

const char *dns_result_name(enum dns_result result)
{
    return results[result].name;
}

const char *dns_result_text(enum dns_result result)
{
    return results[result].text;
}

static enum dns_result result_of(int status)
{
    switch (status) {
    case ARES_SUCCESS:
        return DNS_ANSWERED;
    case ARES_ENODATA:
        return DNS_NO_DATA;
    case ARES_ENOTFOUND:
    case ARES_EBADNAME: /* DNS cannot know it */
        return DNS_NO_NAME;
    case ARES_ETIMEOUT:
        return DNS_TIMEOUT;
    case ARES_ECONNREFUSED: /* until 1.20 the library says no more of a SERVFAIL either */
        return DNS_NO_ANSWER;
    case ARES_ESERVFAIL:
        return DNS_SERVER_FAILED;
    case ARES_EREFUSED:
    case ARES_ENOTIMP:
        return DNS_REFUSED;
    case ARES_EFORMERR:
    case ARES_EBADRESP:
        return DNS_MALFORMED;
    case ARES_EDESTRUCTION:
    case ARES_ECANCELLED:
        return DNS_CANCELLED;
    default:
        return DNS_IMPOSSIBLE;
    }
}

/* ---- answers */

/* A message of 64 KiB has no more addresses than this. */
enum { MOST_ADDRESSES = 4096 };

struct message {
    const unsigned char *bytes;
    int length;
};

static int read_v4(struct message message, struct dns_record *records, int *count)
{
    struct ares_addrttl *found = mem_alloc(MOST_ADDRESSES, sizeof(*found));
    int status = ares_parse_a_reply(message.bytes, message.length, NULL, found, count);
    for (int i = 0; status == ARES_SUCCESS && i < *count; i++)
        records[i].ip = ip_of_v4(&found[i].ipaddr);
    free(found);
    return status;
}

static int read_v6(struct message message, struct dns_record *records, int *count)
{
    struct ares_addr6ttl *found = mem_alloc(MOST_ADDRESSES, sizeof(*found));
    int status = ares_parse_aaaa_reply(message.bytes, message.length, NULL, found, count);
    for (int i = 0; status == ARES_SUCCESS && i < *count; i++)
        records[i].ip = ip_of_v6(&found[i].ip6addr);
    free(found);
    return status;
}

/* `*services` holds the targets' names. */
static int read_services(struct message message, struct dns_record *records, int *count,
                         struct ares_srv_reply **services)
{
    int status = ares_parse_srv_reply(message.bytes, message.length, services);
    int most = *count;
    *count = 0;
    for (const struct ares_srv_reply *each = *services; each && *count < most; each = each->next)
        records[(*count)++] = (struct dns_record){.target = each->host,
                                                  .priority = each->priority,
                                                  .weight = each->weight,
                                                  .port = each->port};
    return status;
}

static void hand_on(const struct question *question, struct message message)
{
    struct dns_record *records = mem_alloc(MOST_ADDRESSES, sizeof(*records));
    struct dns_answer answer = {.records = records};
    struct ares_srv_reply *services = NULL;
    int count = MOST_ADDRESSES;
    int status = question->type == DNS_TYPE_A ? read_v4(message, records, &count)
                 : question->type == DNS_TYPE_AAAA
                     ? read_v6(message, records, &count)
                     : read_services(message, records, &count, &services);
    answer.result = result_of(status);
    if (answer.result == DNS_ANSWERED)
        answer.count = (size_t)count;
    if (answer.result == DNS_ANSWERED && answer.count == 0)
        answer.result = DNS_NO_DATA;
    if (answer.result == DNS_ANSWERED &&
        !dns_least_ttl(message.bytes, (size_t)message.length, &answer.ttl))
        answer.result = DNS_MALFORMED;
    question->call(question->arg, &answer);
    if (services)
        ares_free_data(services);
    free(records);
}

static void on_answer(void *arg, int status, int timeouts, unsigned char *bytes, int length)
{
    struct question *question = arg;
    if (status == ARES_SUCCESS) {
        hand_on(question, (struct message){bytes, length});
    } else {
        const struct dns_answer answer = {.result = result_of(status)};
        question->call(question->arg, &answer);
    }
    free(question);
}

/* ---- hosts */

/* Those of one family; returns how many there are now. */
static size_t add_family(const struct ares_addrinfo *found, int family, struct dns_record *records,
                         size_t count)
{
    const struct ares_addrinfo_node *node = found->nodes;
    for (; node && count < MOST_ADDRESSES; node = node->ai_next) {
        const struct sockaddr_in *v4 = (const void *)node->ai_addr;
        const struct sockaddr_in6 *v6 = (const void *)node->ai_addr;
        if (node->ai_family == family)
            records[count++].ip =
                family == AF_INET ? ip_of_v4(&v4->sin_addr) : ip_of_v6(&v6->sin6_addr);
    }
    return count;
}

static void on_host(void *arg, int status, int timeouts, struct ares_addrinfo *found)
{
    struct question *question = arg;
    struct dns_answer answer = {.result = result_of(status)};
    struct dns_record *records = NULL;
    if (answer.result == DNS_ANSWERED) {
        records = mem_alloc(MOST_ADDRESSES, sizeof(*records));
        answer.count = add_family(found, AF_INET, records, 0);
        answer.count = add_family(found, AF_INET6, records, answer.count);
        answer.records = records;
    }
    if (answer.result == DNS_ANSWERED && answer.count == 0)
        answer.result = DNS_NO_DATA;
    question->call(question->arg, &answer);
    if (found)
        ares_freeaddrinfo(found);
    free(records);
    free(question);
}

/* ---- the loop */

static void look_again(struct resolver *resolver)
{
    struct timeval tv;
    if (!ares_timeout(resolver->channel, NULL, &tv)) {
        timer_stop(&resolver->timer);
        return;
    }
    int64_t after = tv.tv_sec * NS_PER_S + tv.tv_usec * NS_PER_US;
    timer_start(&resolver->timer, duration_ns(after > NS_PER_MS ? after : NS_PER_MS));
}

static void on_timer(void *arg)
{
    struct resolver *resolver = arg;
    ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    look_again(resolver);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    /* The socket, and what watches it, may be gone when the library has looked at it. */
    struct resolver *resolver = ((struct watch *)arg)->resolver;
    ares_process_fd(resolver->channel, what & EV_READ ? fd : ARES_SOCKET_BAD,
                    what & EV_WRITE ? fd : ARES_SOCKET_BAD);
    look_again(resolver);
}

static struct watch *find_watch(struct resolver *resolver, int fd)
{
    list_foreach (node, &resolver->sockets) {
        struct watch *watch = list_entry(node, struct watch, node);
        if (watch->fd == fd) {
            event_del(&watch->event);
            return watch;
        }
    }
    struct watch *watch = mem_alloc(1, sizeof(*watch));
    watch->resolver = resolver;
    watch->fd = fd;
    list_push_back(&resolver->sockets, &watch->node);
    return watch;
}

static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct resolver *resolver = arg;
    struct watch *watch = find_watch(resolver, fd);
    short what = (short)((readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));
    if (what) {
        event_assign(&watch->event, resolver->loop->base, fd, (short)(what | EV_PERSIST), on_socket,
                     watch);
        event_add(&watch->event, NULL);
        return;
    }
    list_remove(&watch->node);
    free(watch);
}

/* ---- the resolver */

static void set_server(struct ares_addr_port_node *node, const struct ip_peer *server)
{
    enum { V4_AT = 12 }; /* in an IPv6 address that stands for an IPv4 one */
    bool v4 = ip_is_v4(&server->ip);
    node->family = v4 ? AF_INET : AF_INET6;
    if (v4)
        memcpy(&node->addr.addr4, server->ip.bytes + V4_AT, sizeof(node->addr.addr4));
    else
        memcpy(&node->addr.addr6, server->ip.bytes, sizeof(node->addr.addr6));
    node->udp_port = node->tcp_port = server->port ? server->port : NAMESERVER_PORT;
}

static int set_servers(ares_channel channel, const struct resolver_settings *settings)
{
    if (settings->server_count == 0)
        return ARES_SUCCESS;
    struct ares_addr_port_node *nodes = mem_alloc(settings->server_count, sizeof(*nodes));
    for (size_t i = 0; i < settings->server_count; i++) {
        set_server(&nodes[i], &settings->servers[i]);
        nodes[i].next = i + 1 < settings->server_count ? &nodes[i + 1] : NULL;
    }
    int status = ares_set_servers_ports(channel, nodes);
    free(nodes);
    return status;
}

static int open_channel(struct resolver *resolver, const struct resolver_settings *settings)
{
    struct ares_options options = {.timeout = (int)(settings->timeout.ns / NS_PER_MS),
                                   .tries = settings->attempts,
                                   .lookups = (char *)(uintptr_t) "fb", /* files first */
                                   .sock_state_cb = on_socket_state,
                                   .sock_state_cb_data = resolver};
    int status = ares_library_init(ARES_LIB_INIT_ALL);
    if (status != ARES_SUCCESS)
        return status;
    status = ares_init_options(&resolver->channel, &options,
                               ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
                                   ARES_OPT_SOCK_STATE_CB);
    if (status != ARES_SUCCESS)
        ares_library_cleanup();
    return status;
}

enum result resolver_new(struct resolver **out, struct loop *loop,
                         const struct resolver_settings *settings, struct error *error)
{
    struct resolver *resolver = mem_alloc(1, sizeof(*resolver));
    resolver->loop = loop;
    list_init(&resolver->sockets);
    timer_init(&resolver->timer, loop, on_timer, resolver);
    *out = NULL;
    int status = open_channel(resolver, settings);
    if (status != ARES_SUCCESS) {
        free(resolver);
        return error_set(error, FAILED_SYSTEM,
                         "cannot set up a DNS resolver (/etc/resolv.conf): %s",
                         ares_strerror(status));
    }
    *out = resolver;
    status = set_servers(resolver->channel, settings);
    if (status == ARES_SUCCESS)
        return OK;
    resolver_free(out);
    return error_set(error, FAILED_SYSTEM, "cannot set the DNS servers: %s", ares_strerror(status));
}

void resolver_free(struct resolver **out)
{
    struct resolver *resolver = *out;
    *out = NULL;
    if (!resolver)
        return;
    ares_destroy(resolver->channel);
    ares_library_cleanup();
    timer_stop(&resolver->timer);
    free(resolver);
}

void resolver_ask(struct resolver *resolver, const char *host, enum dns_type type,
                  resolver_call *call, void *arg)
{
    static const int types[] = {
        [DNS_TYPE_A] = ns_t_a, [DNS_TYPE_AAAA] = ns_t_aaaa, [DNS_TYPE_SRV] = ns_t_srv};
    struct question *question = mem_alloc(1, sizeof(*question));
    *question = (struct question){type, call, arg};
    ares_query(resolver->channel, host, ns_c_in, types[type], on_answer, question);
    look_again(resolver);
}

void resolver_find_host(struct resolver *resolver, const char *host, resolver_call *call, void *arg)
{
    static const struct ares_addrinfo_hints hints = {
        .ai_flags = ARES_AI_NOSORT, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct question *question = mem_alloc(1, sizeof(*question));
    *question = (struct question){.call = call, .arg = arg};
    ares_getaddrinfo(resolver->channel, host, NULL, &hints, on_host, question);
    look_again(resolver);
}
