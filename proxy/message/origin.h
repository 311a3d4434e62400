/* SPDX-License-Identifier: MIT */
/* Whom a request comes from, and the fields that tell the upstream: X-Forwarded-For and its kin,
 * Forwarded (RFC 7239), Via (RFC 9110 7.6.3) and CDN-Loop (RFC 8586). */
#ifndef TAILGATE_PROXY_MESSAGE_ORIGIN_H
#define TAILGATE_PROXY_MESSAGE_ORIGIN_H

#include "proxy/connection/client.h"

/* Whether what the peer says about its clients is believed. */
bool origin_trusts(const struct origin_config *config, const struct ip_peer *peer);

/* The client as far as it is known: the peer itself, or, when that is trusted, the last one in its
 * account that is not; where the account cannot be read it counts from there on. */
struct ip_peer origin_client(const struct client *client, const struct http_head *head);

/* The fields that are not passed on as they came: a bit set of enum http_field_id. */
uint32_t origin_replaced(const struct client *client, const struct http_head *head);

/* Whether the field is one of X-Forwarded-For's family but for underscores: CGI and its kin could
 * not tell the two apart, so it is not passed on where the right ones are replaced. */
bool origin_imitates(const struct http_field *field);

/* Appends the fields that stand in their place, save for those that the route's rules drop. */
void origin_append(struct buf *out, const struct client *client, const struct http_head *head,
                   const struct header_rules *rules);

/* Appends the gateway's Via line for a message that came as HTTP/1.`minor_version`. */
void origin_append_via(struct buf *out, const struct identity_config *identity, int minor_version);

/* Appends what names the gateway in a request that came as HTTP/1.`minor_version`: a Via line, or,
 * when the configuration wants none but circles found, one of CDN-Loop; none that the route's rules
 * drop. */
void origin_append_mark(struct buf *out, const struct identity_config *identity,
                        const struct header_rules *rules, int minor_version);

/* Whether the request's Via and CDN-Loop fields name the gateway as often as the limit says. */
bool origin_is_loop(const struct identity_config *identity, const struct http_head *head);

#endif
