/* SPDX-License-Identifier: MIT */
/* The TLS contexts of a configuration: read from their files once, shared by all workers, replaced
 * as a whole when the configuration, or a file it names, has changed: build another set, hand it to
 * new connections, release the old one. Connections hold what they use. */
#ifndef TAILGATE_PROXY_PROCESS_SECURE_H
#define TAILGATE_PROXY_PROCESS_SECURE_H

#include "lib/net/tls.h"
#include "proxy/config/config.h"

struct secure {
    struct tls_context **listeners; /* by the listener's number; NULL = plain */
    size_t listener_count;
    struct tls_context **upstreams; /* by the upstream's number; NULL = plain */
    size_t upstream_count;
};

/* The error is at the place in the configuration that names the file. On failure `secure` is empty.
 */
enum result secure_build(struct secure *secure, const struct conf_doc *doc,
                         const struct proxy_config *config, struct error *error) MUST_USE;
/* For the same configuration once more, with other endpoints at most: takes the contexts of `from`,
 * which hold what their files were then. */
enum result secure_share(struct secure *secure, const struct secure *from,
                         const struct conf_doc *doc, const struct proxy_config *config,
                         struct error *error) MUST_USE;

/* Harmless on an empty one. */
void secure_release(struct secure *secure);

/* Called with "FILE:LINE:COL: message". */
typedef void secure_say(void *arg, const char *message);

/* Says what is odd about the configuration's certificates and keys, which can be used all the same:
 * see tls_inspect. */
void secure_inspect(const struct conf_doc *doc, const struct proxy_config *config, secure_say *say,
                    void *arg);

/* The name an endpoint's certificate must have, and SNI asks for: what the configuration says, not
 * what DNS makes of it; NULL = neither. Free with free(). */
char *secure_name(const struct upstream_config *upstream, const struct endpoint_config *endpoint);

#endif
