/* SPDX-License-Identifier: MIT */
/* The arguments of a subcommand, read by one table: the reader, its messages and the text of
 * `tailgate CMD --help` come from the same rows. */
#ifndef TAILGATE_CMD_ARGUMENTS_H
#define TAILGATE_CMD_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "lab/result/format.h"
#include "lib/base/result.h"

enum { OPTIONS_MAX = 16 };

struct option_row {
    const char *name;        /* "control" is given as --control FD or --control=FD */
    const char *placeholder; /* "FD"; NULL: a flag, which takes no value */
    const char *meaning;     /* one sentence */
    char letter;             /* 'o' is given as -o VALUE; '\0' = there is no short form */
};

struct usage {
    const char *command;  /* "proxy" */
    const char *operands; /* "CONFIG", "FILE...", "[RUN]" */
    const char *about;    /* a paragraph or two; lines are broken already */
    const struct option_row *options;
    size_t option_count; /* at most OPTIONS_MAX */
    int operands_min, operands_max;
};

struct arguments {
    const char *values[OPTIONS_MAX]; /* by row of the table; NULL = not given; "" for a flag */
    char **operands;                 /* in argv, which is reordered */
    int operand_count;
};

/* Reads the arguments; argv[0] is the subcommand's name. Returns false when the command is over:
 * `--help` was printed, or a message about what is wrong; `status` is then its exit status. */
bool arguments_read(struct arguments *arguments, const struct usage *usage, int argc, char **argv,
                    enum exit_status *status) MUST_USE;

/* "tailgate COMMAND: text; see tailgate COMMAND --help" on stderr. Returns EXIT_INPUT. */
enum exit_status arguments_wrong(const struct usage *usage, const char *format, ...)
    PRINTF_LIKE(2, 3);

/* The value of an option as a whole number of min..max; false after a message. */
bool arguments_number(const struct usage *usage, const struct arguments *arguments, int row,
                      long min, long max, long *number) MUST_USE;

/* What the rows of --json and --markdown, of which at most one is given, make of the format; false
 * after a message. */
bool arguments_format(const struct usage *usage, const struct arguments *arguments, int json,
                      int markdown, enum result_format *format) MUST_USE;

/* `CONFIG [--control FD]`, as all servers have it: `about` goes into the help. `operands` is
 * "CONFIG", or "[CONFIG]" where it may be left out; `*config` is NULL then. */
bool arguments_read_server(const char *command, const char *operands, const char *about, int argc,
                           char **argv, const char **config, int *control_fd,
                           enum exit_status *status) MUST_USE;

#endif
