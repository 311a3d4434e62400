/* SPDX-License-Identifier: MIT */
/* The path that a target really names (RFC 3986 6.2.2): what routes are held against, so that a
 * rule for "/admin" cannot be passed by with "/%61dmin", "//admin" or "/x/../admin". What is sent
 * to an upstream stays as it came. */
#ifndef TAILGATE_LIB_HTTP_PATH_H
#define TAILGATE_LIB_HTTP_PATH_H

#include "lib/base/buf.h"
#include "lib/http/head.h"

/* Whether the path is what http_path_resolve would make of it. */
bool http_path_is_plain(struct http_span path);

/* Appends the path with its percent-encoded bytes decoded (once), adjacent slashes merged and the
 * segments "." and ".." followed. False: it climbs above its root, or holds an encoded NUL. What
 * looks percent-encoded and is not stays as it is. `path` begins with a slash. */
bool http_path_resolve(struct buf *out, struct http_span path);

/* The byte that the text at `at` begins with, decoded when it is percent-encoded; sets how many of
 * the `left` (at least one) characters it takes. */
char http_path_decode_one(const char *at, size_t left, size_t *taken);

/* Appends a resolved path as it may stand in a URL. */
void http_path_encode(struct buf *out, struct http_span path);

#endif
