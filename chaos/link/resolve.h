/* SPDX-License-Identifier: MIT */
/* The places that links are given: addresses, and HOST:PORT. Nobody is asked here who might not
 * answer. */
#ifndef TAILGATE_CHAOS_LINK_RESOLVE_H
#define TAILGATE_CHAOS_LINK_RESOLVE_H

#include "lib/net/address.h"

/* Room for a host with its NUL. */
enum { RESOLVE_HOST = 256 };

/* "HOST:PORT" or an address, whether or not the host can be found. */
bool resolve_has_form(const char *text);

/* Whether it has the form, and a host that must be looked up. */
bool resolve_is_name(const char *text);

/* The parts of a text that has the form and is no address; the host is written to `host`, which is
 * returned. */
const char *resolve_host(const char *text, char host[RESOLVE_HOST]);
uint16_t resolve_port(const char *text);

/* Where a link listens: an address; ":PORT", which is every address of this machine; or a host of
 * /etc/hosts. */
enum result resolve_listen(struct address *address, const char *text, struct error *error) MUST_USE;

/* Where it leads. `address` has the length 0 where that is to be looked up. */
enum result resolve_upstream(struct address *address, const char *text,
                             struct error *error) MUST_USE;

#endif
