/* SPDX-License-Identifier: MIT */
/* Addresses as Toxiproxy's clients write them: with names of hosts, and without a host. */
#ifndef TAILGATE_CHAOS_LINK_RESOLVE_H
#define TAILGATE_CHAOS_LINK_RESOLVE_H

#include "lib/net/address.h"

/* "127.0.0.1:80", "[::1]:80", "unix:/path", "name:80" (looked up now, which may take a while: the
 * first address counts) and ":80" (every address of this machine to listen on; the machine itself
 * to connect to). The message says what was expected. */
enum result resolve_address(struct address *address, const char *text, bool listens,
                            struct error *error) MUST_USE;

/* Whether the text is one of these forms, whatever becomes of the name. */
bool resolve_has_form(const char *text);

#endif
