/* SPDX-License-Identifier: MIT */
#include "chaos/server.h"

#include "cmd/arguments.h"
#include "cmd/commands.h"

int cmd_chaos(int argc, char **argv)
{
    static const char about[] =
        "Runs TCP links in the foreground, with faults on them, driven by Toxiproxy's HTTP API;\n"
        "without a file the API alone, on 127.0.0.1:8474. Logs to stderr, with one line that\n"
        "contains 'ready' and the addresses, the API's first; lets its connections end and ends\n"
        "on SIGTERM.";
    const char *config;
    int control_fd;
    enum exit_status status;

    if (!arguments_read_server("chaos", "[CONFIG]", about, argc, argv, &config, &control_fd,
                               &status))
        return status;
    return chaos_run(config, control_fd);
}
