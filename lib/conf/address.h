/* SPDX-License-Identifier: MIT */
/* The written form of socket addresses. */
#ifndef TAILGATE_LIB_CONF_ADDRESS_H
#define TAILGATE_LIB_CONF_ADDRESS_H

#include <stdbool.h>

/* Whether the text is IPv4:port, [IPv6]:port, localhost:port or unix:/path; ports are 0..65535. */
bool conf_is_address(const char *text);

#endif
