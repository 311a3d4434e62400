/* SPDX-License-Identifier: MIT */
/* Connecting without waiting. */
#ifndef TAILGATE_LIB_NET_DIAL_H
#define TAILGATE_LIB_NET_DIAL_H

#include "lib/net/address.h"

/* Begins to connect a non-blocking TCP (TCP_NODELAY) or unix socket. Returns the descriptor, or -1
 * with errno. Hand it to conn_init; when it first becomes writable (or its peer closed), ask
 * dial_error how it went. */
int dial_start(const struct address *address);

/* 0 when the socket is connected, or the errno of the failure. */
int dial_error(int fd);

#endif
