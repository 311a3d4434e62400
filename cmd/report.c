/* SPDX-License-Identifier: MIT */
/* `tailgate report`: the result of a run, printed again. */
#include "cmd/arguments.h"
#include "cmd/commands.h"
#include "lab/lab.h"

static const struct usage usage = {
    .command = "report",
    .operands = "RUN",
    .about =
        "Prints the table, the causes, the expectations and the warnings of a run again. RUN is\n"
        "the folder of a run, or runs/NAME for the newest one of that name.",
    .operands_min = 1,
    .operands_max = 1,
};

int cmd_report(int argc, char **argv)
{
    struct arguments arguments;
    enum exit_status status;
    if (!arguments_read(&arguments, &usage, argc, argv, &status))
        return status;
    return lab_report(arguments.operands[0]);
}
