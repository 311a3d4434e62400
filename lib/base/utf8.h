/* SPDX-License-Identifier: MIT */
/* Text from strangers: what of it is UTF-8. */
#ifndef TAILGATE_LIB_BASE_UTF8_H
#define TAILGATE_LIB_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"

/* The length in bytes of the UTF-8 character at the start of the `n` bytes of `text` (1 to 4), or 0
 * when there is none (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF). */
size_t utf8_length(const char *text, size_t n);

/* Whether a character of `length` bytes is a control character (U+0000..U+001F, U+007F..U+009F),
 * which can forge lines and drive terminals. */
bool utf8_is_control(const char *text, size_t length);

/* Appends a text for a terminal or a line: a question mark in place of what is a control character,
 * or no character. */
void utf8_append_visible(struct buf *out, const char *text);

#endif
