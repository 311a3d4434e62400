/* SPDX-License-Identifier: MIT */
#include "proxy/rules/keepalive.h"

#include <strings.h>

/* A larger promise is none that anybody waits for. */
enum { MOST = 1000000 };

/* The number behind `name`, which ends in "="; -1 when the element is something else. */
static int64_t number_of(struct http_span element, const char *name, uint32_t start)
{
    int64_t number = 0;
    if (element.length <= start || strncasecmp(element.at, name, start) != 0)
        return -1;
    for (uint32_t i = start; i < element.length; i++) {
        if (element.at[i] < '0' || element.at[i] > '9')
            return -1;
        number = number * 10 + (element.at[i] - '0');
        if (number > MOST)
            number = MOST;
    }
    return number;
}

#define NUMBER_OF(element, name) number_of((element), (name), sizeof(name) - 1)

struct keepalive keepalive_read(const struct http_head *head)
{
    struct keepalive said = keepalive_unknown;
    struct http_span element;
    uint32_t offset = 0;
    int field = 0;
    while (http_list_next(head, HTTP_FIELD_KEEP_ALIVE, &field, &offset, &element)) {
        int64_t seconds = NUMBER_OF(element, "timeout=");
        int64_t requests = NUMBER_OF(element, "max=");
        if (seconds >= 0)
            said.timeout = duration_s(seconds);
        if (requests >= 0)
            said.requests = requests;
    }
    return said;
}
