/* SPDX-License-Identifier: MIT */
#ifndef TAILGATE_PROXY_ROUTE_H
#define TAILGATE_PROXY_ROUTE_H

#include "lib/http/head.h"
#include "proxy/config.h"

/* The index of the route whose path is the longest prefix of the target's path, or -1. A prefix
 * ends at a segment's end: "/api" matches "/api" and "/api/x" but not "/apix". "*" matches what "/"
 * does. */
int route_find(const struct proxy_config *config, struct http_span target);

#endif
