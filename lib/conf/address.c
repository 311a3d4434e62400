/* SPDX-License-Identifier: MIT */
#include "lib/conf/address.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static bool is_port(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return digits > 0 && digits <= 5 && text[digits] == '\0' && atoi(text) <= 65535;
}

static bool is_unix_path(const char *path)
{
    return path[0] == '/' && path[1] != '\0' &&
           strlen(path) < sizeof(((struct sockaddr_un *)0)->sun_path);
}

static bool is_host(char *host, size_t length)
{
    struct in6_addr any;
    if (strcmp(host, "localhost") == 0)
        return true;
    if (host[0] != '[')
        return inet_pton(AF_INET, host, &any) == 1;
    if (host[length - 1] != ']')
        return false;
    host[length - 1] = '\0';
    return inet_pton(AF_INET6, host + 1, &any) == 1;
}

bool conf_is_address(const char *text)
{
    if (strncmp(text, "unix:", 5) == 0)
        return is_unix_path(text + 5);
    const char *colon = strrchr(text, ':');
    char host[INET6_ADDRSTRLEN + 2];
    size_t length = colon ? (size_t)(colon - text) : 0;
    if (length == 0 || length >= sizeof(host) || !is_port(colon + 1))
        return false;
    memcpy(host, text, length);
    host[length] = '\0';
    return is_host(host, length);
}
