/* SPDX-License-Identifier: MIT */
#include "lib/net/address.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static bool parse_port(const char *text, in_port_t *port)
{
    unsigned value = 0;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 5 || text[digits] != '\0')
        return false;
    for (; *text; text++)
        value = value * 10 + (unsigned)(*text - '0');
    *port = htons((uint16_t)value);
    return value <= UINT16_MAX;
}

static bool parse_unix(struct address *address, const char *path)
{
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof(address->u.un.sun_path))
        return false;
    address->u.un.sun_family = AF_UNIX;
    memcpy(address->u.un.sun_path, path, length + 1);
    address->length = sizeof(address->u.un);
    return true;
}

static bool parse_in6(struct address *address, const char *host, const char *port)
{
    address->u.in6.sin6_family = AF_INET6;
    address->length = sizeof(address->u.in6);
    return inet_pton(AF_INET6, host, &address->u.in6.sin6_addr) == 1 &&
           parse_port(port, &address->u.in6.sin6_port);
}

static bool parse_in(struct address *address, const char *host, const char *port)
{
    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    address->u.in.sin_family = AF_INET;
    address->length = sizeof(address->u.in);
    return inet_pton(AF_INET, host, &address->u.in.sin_addr) == 1 &&
           parse_port(port, &address->u.in.sin_port);
}

bool address_parse(struct address *address, const char *text)
{
    memset(address, 0, sizeof(*address));
    if (strncmp(text, "unix:", 5) == 0)
        return parse_unix(address, text + 5);
    const char *colon = strrchr(text, ':');
    char host[INET6_ADDRSTRLEN + 2];
    size_t length = colon ? (size_t)(colon - text) : 0;
    if (length == 0 || length >= sizeof(host))
        return false;
    memcpy(host, text, length);
    host[length] = '\0';
    if (host[0] != '[')
        return parse_in(address, host, colon + 1);
    if (host[length - 1] != ']')
        return false;
    host[length - 1] = '\0';
    return parse_in6(address, host + 1, colon + 1);
}

const char *address_format(const struct address *address, char *out, size_t size)
{
    char host[INET6_ADDRSTRLEN] = "?";
    switch (address->u.any.sa_family) {
    case AF_INET:
        inet_ntop(AF_INET, &address->u.in.sin_addr, host, sizeof(host));
        snprintf(out, size, "%s:%u", host, ntohs(address->u.in.sin_port));
        break;
    case AF_INET6:
        inet_ntop(AF_INET6, &address->u.in6.sin6_addr, host, sizeof(host));
        snprintf(out, size, "[%s]:%u", host, ntohs(address->u.in6.sin6_port));
        break;
    case AF_UNIX:
        snprintf(out, size, "unix:%s", address->u.un.sun_path);
        break;
    default:
        snprintf(out, size, "unknown");
    }
    return out;
}

void address_of_ip(struct address *address, const struct ip *ip, uint16_t port)
{
    enum { V4_AT = 12 }; /* in an IPv6 address that stands for an IPv4 one */
    memset(address, 0, sizeof(*address));
    if (ip_is_v4(ip)) {
        address->length = sizeof(address->u.in);
        address->u.in.sin_family = AF_INET;
        address->u.in.sin_port = htons(port);
        memcpy(&address->u.in.sin_addr, ip->bytes + V4_AT, sizeof(address->u.in.sin_addr));
    } else {
        address->length = sizeof(address->u.in6);
        address->u.in6.sin6_family = AF_INET6;
        address->u.in6.sin6_port = htons(port);
        memcpy(&address->u.in6.sin6_addr, ip->bytes, sizeof(address->u.in6.sin6_addr));
    }
}

struct ip_peer address_peer(const struct address *address)
{
    struct ip_peer peer = {.kind = IP_PEER_UNKNOWN};
    switch (address->u.any.sa_family) {
    case AF_INET:
        peer = (struct ip_peer){ip_of_v4(&address->u.in.sin_addr), ntohs(address->u.in.sin_port),
                                IP_PEER_IP};
        break;
    case AF_INET6:
        peer = (struct ip_peer){ip_of_v6(&address->u.in6.sin6_addr),
                                ntohs(address->u.in6.sin6_port), IP_PEER_IP};
        break;
    case AF_UNIX:
        peer.kind = IP_PEER_UNIX;
        break;
    default:
        break;
    }
    return peer;
}

bool address_equal(const struct address *a, const struct address *b)
{
    return a->length == b->length && memcmp(&a->u, &b->u, a->length) == 0;
}

bool address_of_socket(struct address *address, int fd)
{
    memset(address, 0, sizeof(*address));
    address->length = sizeof(address->u);
    return getsockname(fd, &address->u.any, &address->length) == 0;
}

bool address_of_peer(struct address *address, int fd)
{
    memset(address, 0, sizeof(*address));
    address->length = sizeof(address->u);
    return getpeername(fd, &address->u.any, &address->length) == 0;
}
