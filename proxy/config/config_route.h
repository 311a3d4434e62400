/* SPDX-License-Identifier: MIT */
/* The part of the configuration that is about routes: its tables, and what is worked out from them
 * once the whole file was read. */
#ifndef TAILGATE_PROXY_CONFIG_CONFIG_ROUTE_H
#define TAILGATE_PROXY_CONFIG_CONFIG_ROUTE_H

#include "proxy/config/config.h"

extern const struct conf_table route_table;

/* A route may set the keys of these in place of its upstream's. */
extern const struct conf_table upstream_timeout_table, upstream_retry_table;

/* The members of `from` whose keys of `table` stand in `item` replace those of `into`; false when
 * there are none. Both are structs of the table. */
bool config_take_given(const struct conf_table *table, const struct cJSON *item, const void *from,
                       void *into);

/* For the checks of what stands in heads: whether the text is an HTTP token (RFC 9110 5.6.2), and
 * whether it can be a field's value. */
bool config_is_token(const char *text);
bool config_is_value(const char *text);

/* Refuses what cannot be the name of a field that is set, added or removed. */
enum result header_name_check(struct conf_read *read, const char *name,
                              const struct cJSON *item) MUST_USE;

/* The text in lower case, in the reading's arena. */
const char *config_lower(struct conf_read *read, const char *text);

/* Works out what is derived from the routes: their order, their targets. An error where one leads
 * nowhere or can never match. */
enum result routing_build(struct conf_read *read, struct proxy_config *config) MUST_USE;

/* Works out what is derived from a route's header rules; an error where a rule would break the
 * message. `which` is the key they stand under. */
enum result header_rules_build(struct conf_read *read, struct header_rules *rules,
                               const struct cJSON *item, const char *which) MUST_USE;

/* An error where a redirect cannot be one; fine for a route without. */
enum result redirect_check(struct conf_read *read, const struct route_config *route,
                           const struct cJSON *item) MUST_USE;

#endif
