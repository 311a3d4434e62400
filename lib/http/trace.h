/* SPDX-License-Identifier: MIT */
/* W3C Trace Context: `traceparent: 00-<32 hex>-<16 hex>-<2 hex>`. */
#ifndef TAILGATE_LIB_HTTP_TRACE_H
#define TAILGATE_LIB_HTTP_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trace {
    uint8_t trace_id[16];
    uint8_t span_id[8];
    bool sampled;
};

#define TRACE_TEXT 55 /* characters of a version 00 traceparent */

/* False when it must be ignored: wrong form, upper case, all-zero ids, version ff. */
bool trace_parse(struct trace *trace, const char *text, size_t length);

/* Writes exactly TRACE_TEXT characters, no NUL. */
void trace_format(const struct trace *trace, char *out);

/* 2 * n lower-case hex digits, no NUL; n is a multiple of four. */
void trace_hex(char *out, const uint8_t *bytes, size_t n);

#endif
