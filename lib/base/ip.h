/* SPDX-License-Identifier: MIT */
/* IP addresses, networks of them, and who is at the other end of a connection. Pure: no name is
 * looked up. */
#ifndef TAILGATE_LIB_BASE_IP_H
#define TAILGATE_LIB_BASE_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Network order. An IPv4 address stands in IPv6's notation for it (::ffff:192.0.2.1), so that one
 * that came through an IPv6 socket is the same address. */
struct ip {
    uint8_t bytes[16];
};

#define IP_TEXT 46 /* the longest text form and a NUL */

/* For initializers. */
#define IP_V4(a, b, c, d)                         \
    {                                             \
        {                                         \
            [10] = 0xff, 0xff, (a), (b), (c), (d) \
        }                                         \
    }

struct ip ip_of_v4(const void *four_bytes);
struct ip ip_of_v6(const void *sixteen_bytes);
bool ip_is_v4(const struct ip *ip);

/* "192.0.2.1" or "2001:db8::1"; zones and anything else are refused. */
bool ip_parse(struct ip *ip, const char *text, size_t length);
/* Writes that form and a NUL; returns its length. */
size_t ip_format(const struct ip *ip, char out[IP_TEXT]);

/* Addresses that share their first bits. */
struct ip_network {
    struct ip first;
    unsigned bits; /* of the 128 that count */
};

/* "10.0.0.0/8", "2001:db8::/32", or one address alone. No bit may be set behind the prefix. */
bool ip_network_parse(struct ip_network *network, const char *text);
bool ip_network_has(const struct ip_network *network, const struct ip *ip);

/* The other end of a connection. Zeroed: not known. */
enum ip_peer_kind { IP_PEER_UNKNOWN, IP_PEER_IP, IP_PEER_UNIX };

struct ip_peer {
    struct ip ip;
    uint16_t port; /* host order; 0 = not known */
    uint16_t kind; /* enum ip_peer_kind */
};

#define IP_PEER_TEXT (IP_TEXT + 8) /* "[...]:65535" and a NUL */

/* An address with or without a port: "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]",
 * "[2001:db8::1]:80". */
bool ip_peer_parse(struct ip_peer *peer, const char *text, size_t length);

/* Digits without a leading zero, up to 65535. */
bool ip_port_parse(uint16_t *port, const char *text, size_t length);

/* Writes one of these forms (an IPv6 address in brackets when there is a port), "unix:" for a Unix
 * socket, or nothing, and a NUL; returns the length. */
size_t ip_peer_format(const struct ip_peer *peer, char out[IP_PEER_TEXT]);

#endif
