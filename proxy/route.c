/* SPDX-License-Identifier: MIT */
#include "proxy/route.h"

#include <string.h>

static bool is_prefix(const char *prefix, size_t length, struct http_span path)
{
    if (length > path.length || memcmp(prefix, path.at, length) != 0)
        return false;
    return length == path.length || prefix[length - 1] == '/' || path.at[length] == '/';
}

static struct http_span path_of(struct http_span target)
{
    const char *query = memchr(target.at, '?', target.length);
    if (target.at[0] == '*')
        return (struct http_span){"/", 1};
    return (struct http_span){target.at, query ? (uint32_t)(query - target.at) : target.length};
}

int route_find(const struct proxy_config *config, struct http_span target)
{
    const struct route_config *routes = config->routes.items;
    struct http_span path = path_of(target);
    size_t longest = 0;
    int found = -1;
    for (size_t i = 0; i < config->routes.count; i++) {
        size_t length = strlen(routes[i].path);
        if (length > longest && is_prefix(routes[i].path, length, path)) {
            longest = length;
            found = (int)i;
        }
    }
    return found;
}
