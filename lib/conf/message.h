/* SPDX-License-Identifier: MIT */
/* How messages are put together: one line, a place that editors understand, quoted names. */
#ifndef TAILGATE_LIB_CONF_MESSAGE_H
#define TAILGATE_LIB_CONF_MESSAGE_H

#include <stddef.h>

#include "lib/base/result.h"

/* Writes "NAME:LINE:COL: what" about an offset of a text; returns FAILED_INPUT. Whatever could
 * break the line or confuse a terminal becomes "?". */
enum result conf_message(struct error *error, const char *name, const char *text, size_t offset,
                         const char *what);

#define CONF_QUOTE 72

/* A text of the user in double quotes, shortened where it is long. Returns `out`. */
const char *conf_quote(char out[CONF_QUOTE], const char *text);

#define CONF_NAMES 320

/* "\"a\", \"b\" or \"c\"", as far as there is room. Returns `out`. */
const char *conf_list_names(char out[CONF_NAMES], const char *const *names, size_t count);

#endif
