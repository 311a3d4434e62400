/* SPDX-License-Identifier: MIT */
/* From one configuration to another while links run. What is alike in both stays as it is, with its
 * connections; links and faults that the API has added stay as well. */
#ifndef TAILGATE_CHAOS_RELOAD_H
#define TAILGATE_CHAOS_RELOAD_H

#include "chaos/config.h"
#include "chaos/link/link.h"

struct chaos_change {
    struct links *links;
    const struct chaos_config *from, *to;
    const char *source; /* the file's name, for messages */
};

/* When anything of it is not possible nothing has changed, apart from links whose ends were to
 * change before: they have theirs again, and new connections. */
enum result chaos_change_run(const struct chaos_change *change, struct error *error) MUST_USE;

#endif
