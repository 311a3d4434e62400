/* SPDX-License-Identifier: MIT */
#include "lab/run/reserve.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "lib/base/memory.h"
#include "lib/net/address.h"

static bool lets_system_choose(const struct address *address)
{
    switch (address->u.any.sa_family) {
    case AF_INET:
        return address->u.in.sin_port == 0;
    case AF_INET6:
        return address->u.in6.sin6_port == 0;
    default:
        return false;
    }
}

/* With SO_REUSEADDR on both, a listener may take a port that a socket holds which does not listen;
 * the system gives such a port to nobody who leaves it the choice. */
static bool hold(int fd, struct address *address)
{
    int on = 1;
    return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
           bind(fd, &address->u.any, address->length) == 0 && address_of_socket(address, fd);
}

static enum result reserve(struct reservation *reservation, cJSON *item, struct error *error)
{
    struct address address;
    char text[ADDRESS_TEXT];
    if (!cJSON_IsString(item) || !address_parse(&address, item->valuestring) ||
        !lets_system_choose(&address))
        return OK;
    int fd = socket(address.u.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || !hold(fd, &address)) {
        error_errno(error, "cannot keep a port of %s for a process that is started again",
                    item->valuestring);
        if (fd >= 0)
            close(fd);
        return FAILED_SYSTEM;
    }
    reservation->sockets =
        mem_grow(reservation->sockets, reservation->count + 1, sizeof(*reservation->sockets));
    reservation->sockets[reservation->count++] = fd;
    cJSON_SetValuestring(item, address_format(&address, text, sizeof(text)));
    return OK;
}

enum result reserve_ports(struct reservation *reservation, cJSON *config, struct error *error)
{
    enum result result =
        reserve(reservation, cJSON_GetObjectItemCaseSensitive(config, "address"), error);
    cJSON *listeners = cJSON_GetObjectItemCaseSensitive(config, "listeners");
    for (cJSON *each = listeners ? listeners->child : NULL; each && result == OK; each = each->next)
        result = reserve(
            reservation,
            cJSON_IsObject(each) ? cJSON_GetObjectItemCaseSensitive(each, "address") : each, error);
    return result;
}

enum result reserve_address(struct reservation *reservation, const char *address, char *out,
                            size_t size, struct error *error)
{
    cJSON *item = cJSON_CreateString(address);
    enum result result = reserve(reservation, item, error);
    if (result == OK)
        snprintf(out, size, "%s", item->valuestring);
    cJSON_Delete(item);
    return result;
}

void reserve_release(struct reservation *reservation)
{
    for (size_t i = 0; i < reservation->count; i++)
        close(reservation->sockets[i]);
    free(reservation->sockets);
    *reservation = (struct reservation){0};
}
