/* SPDX-License-Identifier: MIT */
/* Results that must be used, and the text that explains a failed one. */
#ifndef TAILGATE_LIB_BASE_RESULT_H
#define TAILGATE_LIB_BASE_RESULT_H

#include <stdarg.h>

#define MUST_USE          __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define ARRAY_LEN(array)  (sizeof(array) / sizeof((array)[0]))

enum result {
    OK = 0,
    FAILED_INPUT,  /* what the user gave is wrong: exit status 2 */
    FAILED_SYSTEM, /* the machine said no (port taken, disk full, no memory): exit status 3 */
};

/* Exit statuses of every subcommand. */
enum exit_status {
    EXIT_DONE = 0,
    EXIT_EXPECTATION = 1,
    EXIT_INPUT = 2,
    EXIT_SYSTEM = 3,
};

/* What went wrong, where, and what to do: one sentence for a person. Owned by the caller. */
struct error {
    char text[768];
};

/* Writes the message and returns `result`, so that a failing function ends in one line. */
enum result error_set(struct error *error, enum result result, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* As error_set with FAILED_SYSTEM, and appends ": " and the text of errno. */
enum result error_errno(struct error *error, const char *format, ...) PRINTF_LIKE(2, 3);

/* The exit status that a result stands for. */
enum exit_status result_exit_status(enum result result);

#endif
