/* SPDX-License-Identifier: MIT */
/* Texts under test. They are parsed from a heap copy of exactly their size, so that reading past
 * the end is seen by AddressSanitizer. */
#ifndef TAILGATE_TESTS_UNIT_HTTP_SAMPLE_H
#define TAILGATE_TESTS_UNIT_HTTP_SAMPLE_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lib/http/head.h"

/* A literal and its length, NUL bytes inside it included. */
#define SAMPLE(literal) literal, sizeof(literal) - 1

/* The first `n` bytes of `bytes`, without room behind them. Free with free(). */
static inline char *sample_copy(const char *bytes, size_t n)
{
    char *copy = malloc(n ? n : 1);
    if (!copy)
        abort();
    memcpy(copy, bytes, n);
    return copy;
}

typedef const char *sample_parser(struct http_head *head, const char *bytes, size_t length);

/* What the parser says to such a copy. The head must not be looked into: its text is gone. */
static inline const char *sample_problem(sample_parser *parse, const char *bytes, size_t n)
{
    struct http_head head;
    char *copy = sample_copy(bytes, n);
    const char *problem = parse(&head, copy, n);
    free(copy);
    return problem;
}

#endif
