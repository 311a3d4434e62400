/* SPDX-License-Identifier: MIT */
/* `tailgate backend CONFIG`: a simulated service. */
#ifndef TAILGATE_BACKEND_BACKEND_H
#define TAILGATE_BACKEND_BACKEND_H

#include "lib/base/result.h"

/* Reads the configuration and serves until it is told to stop. `control_fd` is the line to the
 * laboratory that started the process (lib/serve/control.h), or -1. Problems are said on stderr. */
enum exit_status backend_run(const char *config_path, int control_fd);

#endif
