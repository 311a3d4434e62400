/* SPDX-License-Identifier: MIT */
/* Ports kept for a process that will be killed and started again: between its lives nobody else is
 * given them. */
#ifndef TAILGATE_LAB_RUN_RESERVE_H
#define TAILGATE_LAB_RUN_RESERVE_H

#include <stddef.h>

#include "lib/base/result.h"

struct cJSON;

/* Sockets that are bound to the ports and do not listen; connecting to one of them is refused. */
struct reservation {
    int *sockets;
    size_t count;
};

/* Wherever a configuration of a backend ("address") or a proxy ("listeners") lets the system choose
 * a port, chooses one and writes it there. */
enum result reserve_ports(struct reservation *reservation, struct cJSON *config,
                          struct error *error) MUST_USE;

/* An address whose port is chosen if it is left to the system; in `out`. */
enum result reserve_address(struct reservation *reservation, const char *address, char *out,
                            size_t size, struct error *error) MUST_USE;

/* Gives them all back. */
void reserve_release(struct reservation *reservation);

#endif
