/* SPDX-License-Identifier: MIT */
/* The admin address: what an operator asks the running gateway.
 *     GET /ready     200 while it accepts, 503 while it drains
 *     GET /metrics   counters in the Prometheus text format, summed across workers
 *     /faults        what goes wrong on purpose (admin_faults.h), for whom the guard lets pass
 * It stays within reach when clients have taken all descriptors, or when others connect and say
 * nothing: those are closed for who comes after them. */
#ifndef TAILGATE_PROXY_OBSERVE_ADMIN_H
#define TAILGATE_PROXY_OBSERVE_ADMIN_H

#include "lib/base/result.h"

struct admin;
struct admin_config;
struct proxy;

/* Serves on the proxy's main loop. */
enum result admin_open(struct admin **admin, struct proxy *proxy, const struct admin_config *config,
                       struct error *error) MUST_USE;
/* Nulls the pointer; harmless on NULL. */
void admin_close(struct admin **admin);

#endif
