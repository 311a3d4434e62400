/* SPDX-License-Identifier: MIT */
#include "proxy/process/proxy.h"

#include "cmd/arguments.h"
#include "cmd/commands.h"

int cmd_proxy(int argc, char **argv)
{
    static const char about[] =
        "Runs the gateway in the foreground. Logs to stderr, with one line that contains 'ready'\n"
        "when every listener accepts; finishes what it has begun and ends on SIGTERM.";
    const char *config;
    int control_fd;
    enum exit_status status;

    if (!arguments_read_server("proxy", "CONFIG", about, argc, argv, &config, &control_fd, &status))
        return status;
    return proxy_run(config, control_fd);
}
