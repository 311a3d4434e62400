/* SPDX-License-Identifier: MIT */
/* What the resolver's library does not say of a DNS message (RFC 1035 4). Pure. */
#ifndef TAILGATE_LIB_NET_DNS_MESSAGE_H
#define TAILGATE_LIB_NET_DNS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The smallest time to live, in seconds, among the records of the answer section, those of aliases
 * included; one with the highest bit set counts as 0 (RFC 2181 8). False when the message is cut
 * off or has no answer. */
bool dns_least_ttl(const uint8_t *message, size_t length, uint32_t *ttl);

#endif
