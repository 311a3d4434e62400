/* SPDX-License-Identifier: MIT */
/* Questions to DNS servers, from the thread of a loop, which never waits. The work is done by
 * c-ares: random numbers and ports, a check of who answers what, further attempts and servers, TCP
 * for what is too long for a datagram. */
#ifndef TAILGATE_LIB_NET_RESOLVER_H
#define TAILGATE_LIB_NET_RESOLVER_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/ip.h"
#include "lib/net/loop.h"

/* How a question ends: identifier, name in metrics, text. */
#define DNS_RESULTS(X)                                                                         \
    X(ANSWERED, "answered", "it was answered")                                                 \
    X(NO_NAME, "nxdomain", "there is no such name")                                            \
    X(NO_DATA, "no_data", "the name has no address")                                           \
    X(TIMEOUT, "timeout", "no server answered in time")                                        \
    X(NO_ANSWER, "no_answer", "no server could be reached, or each of them failed or refused") \
    X(SERVER_FAILED, "server_failed", "the server failed (SERVFAIL)")                          \
    X(REFUSED, "refused", "the server refused to answer")                                      \
    X(MALFORMED, "malformed", "the answer makes no sense")                                     \
    X(IMPOSSIBLE, "impossible", "this machine could not even ask")                             \
    X(CANCELLED, "cancelled", "nobody wants to know any more")

#define DNS_RESULT_ENUM(id, name, text) DNS_##id,
enum dns_result { DNS_RESULTS(DNS_RESULT_ENUM) DNS_RESULT_COUNT };
#undef DNS_RESULT_ENUM

const char *dns_result_name(enum dns_result result);
const char *dns_result_text(enum dns_result result);

enum dns_type { DNS_TYPE_A, DNS_TYPE_AAAA, DNS_TYPE_SRV };

struct dns_record {
    struct ip ip;                    /* A, AAAA */
    const char *target;              /* SRV (RFC 2782): another name */
    uint16_t priority, weight, port; /* SRV; host order */
};

/* `records` and what they point to live until the call that brings them has returned. */
struct dns_answer {
    enum dns_result result;
    const struct dns_record *records; /* of the type that was asked for */
    size_t count;                     /* above 0 when answered */
    uint32_t ttl;                     /* s, the smallest of the answer's records */
};

typedef void resolver_call(void *arg, const struct dns_answer *answer);

struct resolver;

struct resolver_settings {
    const struct ip_peer *servers; /* port 0: 53 */
    size_t server_count;           /* 0: those of /etc/resolv.conf */
    duration timeout;              /* for the first attempt; doubled with each further one */
    int attempts;                  /* at each server */
};

enum result resolver_new(struct resolver **resolver, struct loop *loop,
                         const struct resolver_settings *settings, struct error *error) MUST_USE;

/* What is still being asked ends as cancelled. Not from within a call that brings an answer. Nulls
 * the pointer; harmless on NULL. */
void resolver_free(struct resolver **resolver);

/* The name is taken as it is written: neither the domains of resolv.conf nor /etc/hosts are looked
 * at. `call` is made once, perhaps before this returns. */
void resolver_ask(struct resolver *resolver, const char *host, enum dns_type type,
                  resolver_call *call, void *arg);

/* The addresses of a host as this machine knows them, IPv4 first: those of /etc/hosts, or else
 * those of DNS, with the domains of resolv.conf. `call` is made once, perhaps before this returns;
 * the answer has no time to live. */
void resolver_find_host(struct resolver *resolver, const char *host, resolver_call *call,
                        void *arg);

#endif
