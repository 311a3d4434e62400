/* SPDX-License-Identifier: MIT */
#include "chaos/link/resolve.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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
    return colon && length < RESOLVE_HOST && is_port(colon + 1) && !memchr(text, ':', length) &&
           strncmp(text, "unix:", 5) != 0;
}

bool resolve_is_name(const char *text)
{
    struct address address;
    struct error ignored;
    return resolve_upstream(&address, text, &ignored) == OK && address.length == 0;
}

const char *resolve_host(const char *text, char host[RESOLVE_HOST])
{
    int length = (int)(strrchr(text, ':') - text);
    snprintf(host, RESOLVE_HOST, "%.*s", length, text);
    return host;
}

uint16_t resolve_port(const char *text)
{
    return (uint16_t)atoi(strrchr(text, ':') + 1);
}

static enum result check_form(const char *text, struct error *error)
{
    if (resolve_has_form(text))
        return OK;
    return error_set(error, FAILED_INPUT,
                     "\"%s\" is no address (expected HOST:PORT, such as 127.0.0.1:80)", text);
}

/* ":PORT", with a host in front. */
static bool parse_with_host(struct address *address, const char *host, const char *text)
{
    char whole[ADDRESS_TEXT];
    snprintf(whole, sizeof(whole), "%s%s", host, text);
    return address_parse(address, whole);
}

/* ---- hosts of this machine */

static bool is_called(const struct hostent *entry, const char *host)
{
    char **alias = entry->h_aliases;
    if (strcasecmp(entry->h_name, host) == 0)
        return true;
    while (*alias && strcasecmp(*alias, host) != 0)
        alias++;
    return *alias != NULL;
}

/* The entries of /etc/hosts, which can be read without asking anybody. */
static bool find_here(struct address *address, const char *host, uint16_t port)
{
    const struct hostent *entry;
    sethostent(0);
    while ((entry = gethostent()) && !is_called(entry, host))
        continue;
    if (entry) {
        struct ip ip = entry->h_addrtype == AF_INET ? ip_of_v4(entry->h_addr_list[0])
                                                    : ip_of_v6(entry->h_addr_list[0]);
        address_of_ip(address, &ip, port);
    }
    endhostent();
    return entry != NULL;
}

/* ---- places */

enum result resolve_listen(struct address *address, const char *text, struct error *error)
{
    char host[RESOLVE_HOST];
    if (address_parse(address, text))
        return OK;
    enum result result = check_form(text, error);
    if (result != OK)
        return result;
    if (text[0] == ':' && parse_with_host(address, "[::]", text))
        return OK;
    if (find_here(address, resolve_host(text, host), resolve_port(text)))
        return OK;
    return error_set(error, FAILED_INPUT,
                     "the host \"%s\" is not in /etc/hosts: a link listens on an address of this "
                     "machine",
                     host);
}

enum result resolve_upstream(struct address *address, const char *text, struct error *error)
{
    if (address_parse(address, text))
        return OK;
    enum result result = check_form(text, error);
    *address = (struct address){.length = 0};
    if (result == OK && text[0] == ':' && !parse_with_host(address, "127.0.0.1", text))
        return error_set(error, FAILED_INPUT, "\"%s\" is no port", text + 1);
    return result;
}
