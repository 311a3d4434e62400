/* SPDX-License-Identifier: MIT */
/* What a client's certificate says, told to the upstream in fields that the listener names. */
#ifndef TAILGATE_PROXY_MESSAGE_CREDENTIAL_H
#define TAILGATE_PROXY_MESSAGE_CREDENTIAL_H

#include "proxy/connection/client.h"

/* The values, made when they are first told; NULL = not yet, or no certificate was shown. */
struct credential {
    char *subject, *certificate;
};

void credential_release(struct client *client);

/* The names of the client's listener for the fields; NULL = it names none. */
const struct listener_tls_config *credential_fields(const struct client *client);

/* Whether a field with that name is the gateway's to write, be it for another listener than the
 * client's: an upstream that believes it cannot tell which one a request came by. */
bool credential_is_field(const struct proxy_config *config, struct http_span name);

/* Appends the fields, save for those that the route's rules drop. */
void credential_append(struct buf *out, struct client *client, const struct header_rules *rules);

#endif
