/* SPDX-License-Identifier: MIT */
/* The HTTP API: what Toxiproxy's clients call, with its statuses, bodies and texts, and the same
 * for the faults that it does not know. */
#ifndef TAILGATE_CHAOS_API_API_H
#define TAILGATE_CHAOS_API_API_H

#include "chaos/config.h"
#include "chaos/link/link.h"

struct api;

/* Starts to listen. What it is given must outlive it. */
enum result api_open(struct api **api, const struct chaos_api_config *config, struct links *links,
                     struct error *error) MUST_USE;
const struct address *api_address(const struct api *api);

/* Takes no further calls. */
void api_drain(struct api *api);
/* Nulls the pointer; harmless on NULL. */
void api_close(struct api **api);

#endif
