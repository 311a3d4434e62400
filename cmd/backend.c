/* SPDX-License-Identifier: MIT */
#include "backend/backend.h"

#include "cmd/arguments.h"
#include "cmd/commands.h"

int cmd_backend(int argc, char **argv)
{
    static const char about[] =
        "Runs a simulated service in the foreground: work, resources, cleanup strategy, pauses.\n"
        "Logs to stderr, with one line that contains 'ready' and its address when it accepts;\n"
        "finishes the requests it has begun and ends on SIGTERM.";
    const char *config;
    int control_fd;
    enum exit_status status;

    if (!arguments_read_server("backend", "CONFIG", about, argc, argv, &config, &control_fd,
                               &status))
        return status;
    return backend_run(config, control_fd);
}
