/* SPDX-License-Identifier: MIT */
#include "proxy/reply.h"

#include <string.h>

#include "proxy/answer.h"
#include "proxy/forward.h"
#include "proxy/redirect.h"
#include "proxy/relay.h"

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

void reply(struct exchange *exchange, const struct route_config *route,
           const struct route_query *query)
{
    struct worker *worker = exchange->worker;
    struct buf *out = &worker->head_out;
    worker_lend(worker, &exchange->request);
    enum cause problem = relay_take_body(exchange);
    if (problem != CAUSE_NONE) {
        exchange_fail(exchange, problem);
        return;
    }
    /* What is left of a request's body would be taken for the next request. */
    if (!exchange->request_body.complete)
        exchange->client_keeps = false;
    if (route->redirect.location)
        write_redirect(out, exchange, route, query);
    else
        write_response(out, exchange, route);
    exchange->record.status =
        (uint16_t)(route->redirect.location ? route->redirect.status : route->respond.status);
    exchange->head_bytes_out = buf_len(out);
    if (!route->redirect.location && !exchange->answers_head)
        buf_append_text(out, route->respond.body);
    struct iovec part = {buf_head(out), buf_len(out)};
    exchange_deliver_own(exchange, &part, 1);
    buf_clear(out);
}
