/* SPDX-License-Identifier: MIT */
#ifndef TAILGATE_LIB_HTTP_STATUS_H
#define TAILGATE_LIB_HTTP_STATUS_H

/* The reason phrase that is registered for a status (IANA's registry of HTTP status codes; 499 is
 * nginx's), or "Unknown". */
const char *http_reason(int status);

#endif
