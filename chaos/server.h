/* SPDX-License-Identifier: MIT */
/* `tailgate chaos`: links and their API in one process, on one thread. */
#ifndef TAILGATE_CHAOS_SERVER_H
#define TAILGATE_CHAOS_SERVER_H

#include "lib/base/result.h"

/* Runs in the foreground until a signal ends it. `config_path` NULL: as an empty configuration
 * says. `control_fd`: the line to a laboratory, or -1. */
enum exit_status chaos_run(const char *config_path, int control_fd);

#endif
