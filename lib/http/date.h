/* SPDX-License-Identifier: MIT */
#ifndef TAILGATE_LIB_HTTP_DATE_H
#define TAILGATE_LIB_HTTP_DATE_H

#include <stdint.h>

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
#define HTTP_DATE 29

/* Writes a moment (seconds since 1970) as RFC 9110 5.6.7 wants it: HTTP_DATE characters and a NUL.
 * Moments outside the years 1 to 9999 are written as 1970 began. */
void http_date(char out[HTTP_DATE + 1], int64_t seconds);

#endif
