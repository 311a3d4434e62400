/* SPDX-License-Identifier: MIT */
/* `tailgate whatif`: a run at other settings. */
#include "lab/whatif/whatif.h"
#include "cmd/arguments.h"
#include "cmd/commands.h"
#include "proxy/config/config.h"

enum {
    OPTION_VARIANT,
    OPTION_UPSTREAM,
    OPTION_OBJECTIVE,
    OPTION_AT,
    OPTION_PROVE,
    OPTION_OUTPUT,
    OPTION_JSON,
    OPTION_MARKDOWN,
    OPTION_SEED
};

static const struct option_row options[] = {
    [OPTION_VARIANT] = {"variant", "LABEL", "the variant, where the run has several", '\0'},
    [OPTION_UPSTREAM] = {"upstream", "NAME", "otherwise the one that most requests went to", '\0'},
    [OPTION_OBJECTIVE] = {"objective", "TEXT",
                          "what is to be met: \"gateway_failures < 0.1%, p99 < 300ms\"", '\0'},
    [OPTION_AT] = {"at", "SETTINGS",
                   "instead of the grid: \"retry.attempts=2,retry.per_try=90ms;...\"", '\0'},
    [OPTION_PROVE] = {"prove", NULL, "run the experiment at some of the settings", '\0'},
    [OPTION_OUTPUT] = {"output", "DIR",
                       "its runs stand in DIR/NAME-whatif/NAME-whatif; otherwise DIR is ./runs",
                       'o'},
    [OPTION_JSON] = {"json", NULL, "print JSON", '\0'},
    [OPTION_MARKDOWN] = {"markdown", NULL, "print Markdown", '\0'},
    [OPTION_SEED] = {"seed", "N", "of the random draws; otherwise 1", '\0'},
};

static const struct usage usage = {
    .command = "whatif",
    .operands = "RUN",
    .about =
        "Predicts, from the records of a run, its failure rate, its p99 and the load that further\n"
        "tries add, at other timeouts, retries, budgets, hedges and connection limits. A request\n"
        "that is sent to another endpoint, or later, meets what was really met there and then.\n"
        "With an objective, the cheapest setting that meets it is named: least extra load, then\n"
        "the smallest change. --prove runs the experiment at the present setting, the cheapest\n"
        "and some others, and prints predicted beside measured. What the records cannot say is\n"
        "withheld, with the reason.\n"
        "Exit status 1: no setting that was looked at meets the objective.",
    .options = options,
    .option_count = ARRAY_LEN(options),
    .operands_min = 1,
    .operands_max = 1,
};

int cmd_whatif(int argc, char **argv)
{
    struct arguments arguments;
    enum exit_status status;
    if (!arguments_read(&arguments, &usage, argc, argv, &status))
        return status;
    long seed = 1;
    if (arguments.values[OPTION_SEED] &&
        !arguments_number(&usage, &arguments, OPTION_SEED, 0, 1L << 53, &seed))
        return EXIT_INPUT;
    enum result_format format;
    if (!arguments_format(&usage, &arguments, OPTION_JSON, OPTION_MARKDOWN, &format))
        return EXIT_INPUT;
    const struct whatif_options whatif = {
        .run = arguments.operands[0],
        .variant = arguments.values[OPTION_VARIANT],
        .upstream = arguments.values[OPTION_UPSTREAM],
        .objective = arguments.values[OPTION_OBJECTIVE],
        .at = arguments.values[OPTION_AT],
        .prove = arguments.values[OPTION_PROVE] != NULL,
        .output = arguments.values[OPTION_OUTPUT],
        .seed = (uint64_t)seed,
        .format = format,
        .proxy_table = &proxy_conf_table,
    };
    return lab_whatif(&whatif);
}
