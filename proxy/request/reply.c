/* SPDX-License-Identifier: MIT */
#include "proxy/request/reply.h"

#include <string.h>

#include "lib/http/status.h"
#include "proxy/message/forward.h"
#include "proxy/request/answer.h"
#include "proxy/request/relay.h"
#include "proxy/rules/redirect.h"

static void begin_head(struct buf *out, int status)
{
    buf_printf(out, "HTTP/1.1 %d %s\r\n", status, http_reason(status));
}

static void end_head(struct buf *out, const struct exchange *exchange,
                     const struct header_rules *rules)
{
    if (!header_rules_drop(rules, "date", strlen("date")))
        buf_printf(out, "Date: %s\r\n", worker_date(exchange->worker));
    buf_append(out, rules->lines, rules->lines_length);
    if (!exchange->client_keeps)
        buf_append_text(out, "Connection: close\r\n");
    else if (exchange->client_http_1_0)
        buf_append_text(out, "Connection: keep-alive\r\n");
    buf_append_text(out, "\r\n");
}

static void write_redirect(struct buf *out, const struct exchange *exchange,
                           const struct route_config *route, const struct route_query *query)
{
    const struct header_rules *rules = &route->response_headers;
    begin_head(out, (int)route->redirect.status);
    if (!header_rules_drop(rules, "location", strlen("location"))) {
        buf_append_text(out, "Location: ");
        redirect_location(out, route, query);
        buf_append_text(out, "\r\n");
    }
    buf_append_text(out, "Content-Length: 0\r\n");
    end_head(out, exchange, rules);
}

static void write_response(struct buf *out, const struct exchange *exchange,
                           const struct route_config *route)
{
    const struct fixed_response *respond = &route->respond;
    const struct header_rules *rules = &route->response_headers;
    size_t length = strlen(respond->body);
    begin_head(out, (int)respond->status);
    if (length > 0 && !header_rules_drop(rules, "content-type", strlen("content-type")))
        buf_printf(out, "Content-Type: %s\r\n", respond->type);
    if (respond->status != 204 && respond->status != 304)
        buf_printf(out, "Content-Length: %zu\r\n", length);
    end_head(out, exchange, rules);
}

/* What has arrived of the request's body. False: the exchange has ended, or ends with a refusal. */
static bool take_body(struct exchange *exchange)
{
    worker_lend(exchange->worker, &exchange->request);
    enum cause problem = relay_take_body(exchange);
    if (problem != CAUSE_NONE) {
        exchange_fail(exchange, problem);
        return false;
    }
    /* What is left of a request's body would be taken for the next request. */
    if (!exchange->request_body.complete)
        exchange->client_keeps = false;
    return true;
}

/* Sends the head in head_out, and the body. */
static void deliver(struct exchange *exchange, int status, const char *body)
{
    struct buf *out = &exchange->worker->head_out;
    exchange->record.status = (uint16_t)status;
    exchange->head_bytes_out = buf_len(out);
    if (!exchange->answers_head)
        buf_append_text(out, body);
    struct iovec part = {buf_head(out), buf_len(out)};
    exchange_deliver_own(exchange, &part, 1);
    buf_clear(out);
}

void reply(struct exchange *exchange, const struct route_config *route,
           const struct route_query *query)
{
    struct buf *out = &exchange->worker->head_out;
    if (!take_body(exchange))
        return;
    if (route->redirect.location && redirect_lacks_host(route, query)) {
        exchange->client_keeps = false;
        answer(exchange, 400, CAUSE_REQUEST_MALFORMED, "no host, which the redirect leads to");
    } else if (route->redirect.location) {
        write_redirect(out, exchange, route, query);
        deliver(exchange, (int)route->redirect.status, "");
    } else {
        write_response(out, exchange, route);
        deliver(exchange, (int)route->respond.status, route->respond.body);
    }
}

void reply_last(struct exchange *exchange, const struct http_head *head)
{
    static const struct header_rules none;
    struct buf *out = &exchange->worker->head_out;
    int status = http_span_is(head->method, "OPTIONS") ? 200 : 405;
    if (!take_body(exchange))
        return;
    begin_head(out, status);
    buf_append_text(out, "Allow: GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS, TRACE\r\n"
                         "Content-Length: 0\r\n");
    end_head(out, exchange, &none);
    deliver(exchange, status, "");
}
