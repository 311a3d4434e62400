/* SPDX-License-Identifier: MIT */
/* The words of JSON: strings, numbers and literals, read strictly (RFC 8259), so that the parser
 * behind never meets what it would misread, and each flaw has its exact place. */
#ifndef TAILGATE_LIB_CONF_TOKEN_H
#define TAILGATE_LIB_CONF_TOKEN_H

#include "lib/conf/text.h"

/* A place in a cleaned, NUL-ended text. */
struct conf_cursor {
    const char *text;
    size_t at;
    struct conf_flaw *flaw;
};

/* Each moves past the word that starts at the cursor, or sets the flaw. */
bool conf_token_string(struct conf_cursor *cursor) MUST_USE;
bool conf_token_number(struct conf_cursor *cursor) MUST_USE;
bool conf_token_literal(struct conf_cursor *cursor) MUST_USE;

void conf_token_skip_space(struct conf_cursor *cursor);

/* Sets the flaw "unexpected ... (expected ...)" for what stands at the cursor; returns false. */
bool conf_token_unexpected(struct conf_cursor *cursor, const char *expected);

#endif
