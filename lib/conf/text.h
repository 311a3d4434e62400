/* SPDX-License-Identifier: MIT */
/* The text of a document before it is JSON: its bytes are checked, its comments are blanked out
 * with spaces, so that every offset stays what it was. */
#ifndef TAILGATE_LIB_CONF_TEXT_H
#define TAILGATE_LIB_CONF_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/result.h"

/* What is wrong with a text, and at which byte. */
struct conf_flaw {
    size_t at;
    char what[320];
};

/* Describes the flaw and returns false, so that a failing function ends in one line. */
bool conf_flaw_set(struct conf_flaw *flaw, size_t at, const char *format, ...) PRINTF_LIKE(3, 4);

/* Refuses NUL bytes, invalid UTF-8 and unterminated comments; blanks out comments and a byte order
 * mark. `text` is NUL-ended, its NUL not counted in `length`. */
bool conf_text_clean(char *text, size_t length, struct conf_flaw *flaw) MUST_USE;

/* The 1-based line of an offset, and the 1-based byte within it. */
void conf_text_position(const char *text, size_t offset, size_t *line, size_t *column);

#endif
