/* SPDX-License-Identifier: MIT */
/* What a request is aimed at (RFC 9112 3.2). */
#ifndef TAILGATE_LIB_HTTP_TARGET_H
#define TAILGATE_LIB_HTTP_TARGET_H

#include "lib/http/head.h"

/* Checks the form of a parsed request's target against its method and returns NULL or what is wrong
 * with it. A target in absolute form ("http://a:80/b?c") is taken apart: `head->authority` becomes
 * "a:80", which counts instead of the Host field, and `head->target` what remains. So behind this
 * call a target is "*", or a path with its query, or, where the path of an absolute form is empty,
 * the query alone ("?c"; the path is "/"). The authority form is CONNECT's alone and passes. */
const char *http_resolve_target(struct http_head *head);

/* The host the request is for: the authority, or the Host field's value; empty when it has neither
 * (HTTP/1.0). */
struct http_span http_host(const struct http_head *head);

#endif
