/* SPDX-License-Identifier: MIT */
/* `tailgate compare`: two runs, or two variants of one, side by side. */
#include "lab/compare/compare.h"
#include "cmd/arguments.h"
#include "cmd/commands.h"

enum {
    OPTION_A,
    OPTION_B,
    OPTION_UNPAIRED,
    OPTION_FAIL,
    OPTION_JSON,
    OPTION_MARKDOWN,
    OPTION_SEED
};

static const struct option_row options[] = {
    [OPTION_A] = {"a", "LABEL", "the variant of the first run", '\0'},
    [OPTION_B] = {"b", "LABEL", "the variant of the second run, or of the only one", '\0'},
    [OPTION_UNPAIRED] = {"unpaired", NULL, "compare runs with different arrivals too", '\0'},
    [OPTION_FAIL] = {"fail-if-worse", NULL, "exit status 1 when B is worse than A", '\0'},
    [OPTION_JSON] = {"json", NULL, "print JSON", '\0'},
    [OPTION_MARKDOWN] = {"markdown", NULL, "print Markdown", '\0'},
    [OPTION_SEED] = {"seed", "N", "of the random draws behind the intervals; otherwise 1", '\0'},
};

static const struct usage usage = {
    .command = "compare",
    .operands = "RUN [RUN]",
    .about =
        "Says what differs between two runs, A and B, in failure rate, latency and throughput, by\n"
        "how much at least and at most, and where no difference can be seen. RUN is the folder of\n"
        "a run, or runs/NAME for the newest one of that name. Two runs are compared variant by\n"
        "variant; one run is compared with itself: --a LABEL --b LABEL.\n"
        "The intervals know that requests which meet the same stall fail together, and how many\n"
        "figures are looked at: all of them hold at once in 95 % of comparisons. What the data do\n"
        "not carry is withheld, with the reason.\n"
        "Exit status 0, whatever is found. With --fail-if-worse it is 1 when B is worse than A in\n"
        "a figure of all requests or of a route, or when nothing can be said of a pair.",
    .options = options,
    .option_count = ARRAY_LEN(options),
    .operands_min = 1,
    .operands_max = 2,
};

int cmd_compare(int argc, char **argv)
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
    const struct compare_options compare = {
        .a = arguments.operands[0],
        .b = arguments.operand_count > 1 ? arguments.operands[1] : NULL,
        .a_label = arguments.values[OPTION_A],
        .b_label = arguments.values[OPTION_B],
        .unpaired = arguments.values[OPTION_UNPAIRED] != NULL,
        .fail_if_worse = arguments.values[OPTION_FAIL] != NULL,
        .seed = (uint64_t)seed,
        .format = format,
    };
    return lab_compare(&compare);
}
