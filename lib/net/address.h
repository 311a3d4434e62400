/* SPDX-License-Identifier: MIT */
/* A socket address and its written form: "127.0.0.1:80", "[::1]:80", "localhost:80", "unix:/path".
 */
#ifndef TAILGATE_LIB_NET_ADDRESS_H
#define TAILGATE_LIB_NET_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/base/ip.h"
#include "lib/base/result.h"

struct address {
    socklen_t length;
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    } u;
};

#define ADDRESS_TEXT 128

/* "localhost" means 127.0.0.1; other names are not looked up. False when the text is none of the
 * forms above. */
bool address_parse(struct address *address, const char *text) MUST_USE;

/* Writes the text form (ADDRESS_TEXT bytes are enough) and returns `out`. */
const char *address_format(const struct address *address, char *out, size_t size);

/* That of a port (host order) of a machine. */
void address_of_ip(struct address *address, const struct ip *ip, uint16_t port);

/* What is recorded of it. */
struct ip_peer address_peer(const struct address *address);

bool address_equal(const struct address *a, const struct address *b);

/* The address a socket is bound to, or its peer's; false when it has none. */
bool address_of_socket(struct address *address, int fd);
bool address_of_peer(struct address *address, int fd);

#endif
