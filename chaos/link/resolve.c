/* SPDX-License-Identifier: MIT */
#include "chaos/link/resolve.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST_SIZE 256

static enum result look_up(struct address *address, const char *host, const char *port,
                           struct error *error)
{
    struct addrinfo *found = NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    char service[8];
    snprintf(service, sizeof(service), "%s", port);
    int problem = getaddrinfo(host, service, &hints, &found);
    if (problem != 0)
        return error_set(error, FAILED_INPUT, "cannot find the host \"%s\": %s", host,
                         gai_strerror(problem));
    *address = (struct address){.length = found->ai_addrlen};
    memcpy(&address->u, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return OK;
}

static bool is_port(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return digits > 0 && digits <= 5 && text[digits] == '\0' && atoi(text) <= 65535;
}

bool resolve_has_form(const char *text)
{
    struct address address;
    const char *colon = strrchr(text, ':');
    if (address_parse(&address, text))
        return true;
    size_t length = colon ? (size_t)(colon - text) : 0;
    return colon && length < HOST_SIZE && is_port(colon + 1) && !memchr(text, ':', length) &&
           strncmp(text, "unix:", 5) != 0;
}

enum result resolve_address(struct address *address, const char *text, bool listens,
                            struct error *error)
{
    char host[HOST_SIZE];
    const char *colon = strrchr(text, ':');
    if (address_parse(address, text))
        return OK;
    size_t length = colon ? (size_t)(colon - text) : 0;
    if (!resolve_has_form(text))
        return error_set(error, FAILED_INPUT,
                         "\"%s\" is no address (expected HOST:PORT, such as 127.0.0.1:80)", text);
    memcpy(host, text, length);
    host[length] = '\0';
    if (length == 0) {
        snprintf(host, sizeof(host), "%s%s", listens ? "[::]" : "127.0.0.1", colon);
        return address_parse(address, host)
                   ? OK
                   : error_set(error, FAILED_INPUT, "\"%s\" is no port", colon + 1);
    }
    return look_up(address, host, colon + 1, error);
}
