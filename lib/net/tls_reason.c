/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>

#include "lib/net/tls_internal.h"

static const char *text_of(unsigned long code)
{
    const char *text = ERR_SYSTEM_ERROR(code) ? strerror(ERR_GET_REASON(code)) : NULL;
    if (!text)
        text = ERR_reason_error_string(code);
    return text ? text : "unknown reason";
}

const char *tls_reason(char out[TLS_REASON])
{
    const char *detail = NULL;
    int flags = 0;
    /* The first that went wrong is the cause, those that follow are what it led to. */
    unsigned long code = ERR_get_error_all(NULL, NULL, NULL, &detail, &flags);
    bool detailed = detail && *detail && (flags & ERR_TXT_STRING) && !ERR_SYSTEM_ERROR(code);
    snprintf(out, TLS_REASON, "%s%s%s%s", code ? text_of(code) : "no reason given",
             detailed ? " (" : "", detailed ? detail : "", detailed ? ")" : "");
    ERR_clear_error();
    return out;
}
