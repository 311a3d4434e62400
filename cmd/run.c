/* SPDX-License-Identifier: MIT */
/* `tailgate run`: an experiment, from its file to the verdict. */
#include "backend/config.h"
#include "cmd/arguments.h"
#include "cmd/commands.h"
#include "lab/lab.h"
#include "lab/plan/experiment.h"
#include "proxy/config/config.h"

enum { OPTION_OUTPUT, OPTION_SEED };

static const struct option_row options[] = {
    [OPTION_OUTPUT] = {"output", "DIR", "the folder of all runs; otherwise ./runs", 'o'},
    [OPTION_SEED] = {"seed", "N", "the seed, instead of the experiment's", '\0'},
};

static const struct usage usage = {
    .command = "run",
    .operands = "EXPERIMENT",
    .about =
        "Starts the experiment's backends and gateway, sends the load, injects the faults, and\n"
        "says what happened: DIR/NAME/<UTC time>/ receives run.db, summary.json, report.html\n"
        "and each process's log; DIR/NAME/latest points to the newest run.\n"
        "Exit status 1: an expectation fell short. Ctrl-C keeps what was recorded.",
    .options = options,
    .option_count = ARRAY_LEN(options),
    .operands_min = 1,
    .operands_max = 1,
};

int cmd_run(int argc, char **argv)
{
    struct arguments arguments;
    enum exit_status status;
    if (!arguments_read(&arguments, &usage, argc, argv, &status))
        return status;
    long seed = 0;
    bool has_seed = arguments.values[OPTION_SEED] != NULL;
    if (has_seed &&
        !arguments_number(&usage, &arguments, OPTION_SEED, 0, (long)EXPERIMENT_SEED_MAX, &seed))
        return EXIT_INPUT;
    const struct lab_options lab = {
        .experiment = arguments.operands[0],
        .output = arguments.values[OPTION_OUTPUT],
        .has_seed = has_seed,
        .seed = seed,
        .backend_table = &backend_conf_table,
        .proxy_table = &proxy_conf_table,
    };
    return lab_run(&lab);
}
