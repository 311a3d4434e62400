/* SPDX-License-Identifier: MIT */
#include "lib/base/result.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum result error_set(struct error *error, enum result result, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    return result;
}

enum result error_errno(struct error *error, const char *format, ...)
{
    int number = errno;
    va_list args;
    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);

    size_t used = strlen(error->text);
    errno = number;
    snprintf(error->text + used, sizeof(error->text) - used, ": %m");
    errno = number;
    return FAILED_SYSTEM;
}

enum exit_status result_exit_status(enum result result)
{
    switch (result) {
    case OK:
        return EXIT_DONE;
    case FAILED_INPUT:
        return EXIT_INPUT;
    case FAILED_SYSTEM:
        break;
    }
    return EXIT_SYSTEM;
}
