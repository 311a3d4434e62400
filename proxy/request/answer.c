/* SPDX-License-Identifier: MIT */
#include "proxy/request/answer.h"
#include "lib/http/status.h"

#include <stdio.h>

#include "proxy/worker/realm.h"

/* Text for a person who sees the answer; the cause's name is what to look up in the manual. */
static size_t write_body(char *out, size_t size, int status, enum cause cause, const char *detail)
{
    const struct cause_row *row = cause_row(cause);
    int length = snprintf(out, size, "%d %s\n%s: %s%s%s\n", status, http_reason(status), row->name,
                          row->meaning, detail ? ": " : "", detail ? detail : "");
    return length < 0 ? 0 : (size_t)length < size ? (size_t)length : size - 1;
}

/* RFC 9209; the names of causes need no escapes, and reasons have been relieved of what does. */
static void write_proxy_status(char *out, size_t size, const char *name, enum cause cause,
                               const char *reason)
{
    const char *error = cause_row(cause)->proxy_status;
    snprintf(out, size, "Proxy-Status: %s%s%s; details=\"%s%s%s\"\r\n", name,
             *error ? "; error=" : "", error, cause_row(cause)->name, reason ? ": " : "",
             reason ? reason : "");
}

void answer(struct exchange *exchange, int status, enum cause cause, const char *detail)
{
    const struct identity_config *identity = &exchange->realm->config->identity;
    char body[512], head[768], proxy_status[384] = "", retry_after[32] = "";
    /* What is left of a request's body would be taken for the next request. */
    if (!exchange->request_body.complete)
        exchange->client_keeps = false;
    size_t body_length = write_body(body, sizeof(body), status, cause, detail);
    const char *reason =
        exchange->attempts > 0 ? trouble_reason(exchange->attempt.pool, cause) : NULL;
    if (identity->proxy_status)
        write_proxy_status(proxy_status, sizeof(proxy_status), identity->name, cause, reason);
    if (exchange->retry_after > 0)
        snprintf(retry_after, sizeof(retry_after), "Retry-After: %u\r\n", exchange->retry_after);
    int head_length =
        snprintf(head, sizeof(head),
                 "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
                 "Content-Length: %zu\r\n%s%s%s\r\n",
                 status, http_reason(status), worker_date(exchange->worker), body_length,
                 proxy_status, retry_after, exchange->client_keeps ? "" : "Connection: close\r\n");
    struct iovec parts[] = {{head, (size_t)head_length},
                            {body, exchange->answers_head ? 0 : body_length}};
    exchange->head_bytes_out = (uint64_t)head_length;
    exchange->record.status = (uint16_t)status;
    exchange->record.cause = (uint16_t)cause;
    exchange_deliver_own(exchange, parts, exchange->answers_head ? 1 : 2);
}
