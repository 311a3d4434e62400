/* SPDX-License-Identifier: MIT */
/* `tailgate report`: the result of a run, printed again. */
#include <string.h>

#include "cmd/arguments.h"
#include "cmd/commands.h"
#include "lab/lab.h"

enum { OPTION_FORMAT };

static const struct option_row options[] = {
    [OPTION_FORMAT] = {"format", "FORMAT", "text (otherwise), json, junit or markdown", '\0'},
};

#define FORMAT_NAME(id, name) name,
static const char *const formats[] = {REPORT_FORMATS(FORMAT_NAME)};

static const struct usage usage = {
    .command = "report",
    .operands = "RUN",
    .about =
        "Prints the table, the causes, the expectations and the warnings of a run again. RUN is\n"
        "the folder of a run, or runs/NAME for the newest one of that name. As junit it is a test\n"
        "case for each expectation and variant, for CI servers; as markdown, tables for a pull\n"
        "request.",
    .options = options,
    .option_count = ARRAY_LEN(options),
    .operands_min = 1,
    .operands_max = 1,
};

/* REPORT_FORMAT_COUNT when there is none of that name. */
static enum report_format find_format(const char *name)
{
    size_t format = REPORT_TEXT;
    while (name && format < ARRAY_LEN(formats) && strcmp(formats[format], name) != 0)
        format++;
    return (enum report_format)format;
}

int cmd_report(int argc, char **argv)
{
    struct arguments arguments;
    enum exit_status status;
    if (!arguments_read(&arguments, &usage, argc, argv, &status))
        return status;
    const char *name = arguments.values[OPTION_FORMAT];
    enum report_format format = find_format(name);
    if (format == REPORT_FORMAT_COUNT)
        return arguments_wrong(&usage,
                               "there is no format '%s' (expected text, json, junit or "
                               "markdown)",
                               name);
    return lab_report(arguments.operands[0], format);
}
