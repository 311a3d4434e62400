/* SPDX-License-Identifier: MIT */
#include "proxy/message/forward.h"

#include <string.h>
#include <strings.h>

#include "proxy/fault/asked.h"
#include "proxy/message/credential.h"
#include "proxy/message/hop.h"
#include "proxy/message/origin.h"
#include "proxy/worker/realm.h"

static void append_span(struct buf *out, const char *from, const char *to)
{
    if (to > from)
        buf_append(out, from, (size_t)(to - from));
}

typedef bool keep_field(const struct http_head *head, const struct http_field *field,
                        const void *context);

/* Fields stand behind one another in the text, so neighbours that stay are copied at once. */
static void append_fields(struct buf *out, const struct http_head *head, keep_field *keep,
                          const void *context)
{
    const char *run = NULL, *end = NULL;
    for (int i = 0; i < head->field_count; i++) {
        const struct http_field *field = &head->fields[i];
        if (keep(head, field, context)) {
            if (!run)
                run = field->line.at;
            end = field->line.at + field->line.length;
        } else if (run) {
            append_span(out, run, end);
            run = NULL;
        }
    }
    if (run)
        append_span(out, run, end);
}

bool header_rules_drop(const struct header_rules *rules, const char *name, size_t length)
{
    for (size_t i = 0; i < rules->dropped_count; i++)
        if (strncasecmp(rules->dropped[i], name, length) == 0 && !rules->dropped[i][length])
            return true;
    return false;
}

/* What of a request is not passed on. */
struct request_filter {
    const struct header_rules *rules;
    const struct proxy_config *config;
    uint32_t replaced; /* bit set of enum http_field_id: the gateway writes its own, or none */
};

static uint32_t replaced_in_request(const struct exchange *exchange, const struct http_head *head)
{
    uint32_t replaced =
        UINT32_C(1) << HTTP_FIELD_TRACEPARENT | origin_replaced(exchange->client, head);
    if (head->minor_version == 0) /* RFC 9110 10.1.1: an old client knows of no 100 */
        replaced |= UINT32_C(1) << HTTP_FIELD_EXPECT;
    if (head->authority.length > 0) /* the target's own host counts (RFC 9112 3.2.2) */
        replaced |= UINT32_C(1) << HTTP_FIELD_HOST;
    if (hop_counts_forwards(head))
        replaced |= UINT32_C(1) << HTTP_FIELD_MAX_FORWARDS;
    return replaced;
}

static bool keep_in_request(const struct http_head *head, const struct http_field *field,
                            const void *context)
{
    const struct request_filter *filter = context;
    if (filter->config->credential_fields.count > 0 &&
        credential_is_field(filter->config, field->name))
        return false;
    if (filter->config->fault_headers.trusted.count > 0 &&
        asked_is_field(field->name.at, field->name.length))
        return false;
    if (filter->replaced >> HTTP_FIELD_X_FORWARDED_FOR & 1 && origin_imitates(field))
        return false;
    return !(filter->replaced >> field->id & 1) && !http_is_hop_by_hop(head, field) &&
           !header_rules_drop(filter->rules, field->name.at, field->name.length);
}

#define TEXT(text) (text), sizeof(text) - 1

/* A 1.0 request may come without a Host; the 1.1 request that is made of it must not go without. */
static void append_host(struct buf *out, const struct http_head *head,
                        const struct upstream_config *upstream)
{
    const struct endpoint_config *first = upstream->endpoints.items;
    bool local = strncmp(first->address, "unix:", 5) == 0;
    buf_append(out, TEXT("Host: "));
    if (head->authority.length > 0)
        buf_append(out, head->authority.at, head->authority.length);
    else
        buf_append_text(out, local ? "localhost" : endpoint_authority(first));
    buf_append(out, TEXT("\r\n"));
}

/* A target in absolute form goes on in origin form, whose path is never empty. */
static void append_target(struct buf *out, const struct http_head *head)
{
    append_span(out, head->method.at, head->method.at + head->method.length);
    buf_append(out, TEXT(" "));
    if (head->target.at[0] == '?')
        buf_append(out, TEXT("/"));
    append_span(out, head->target.at, head->target.at + head->target.length);
    buf_append(out, TEXT(" "));
}

void forward_request_head(struct buf *out, const struct http_head *head, const struct trace *trace,
                          const struct exchange *exchange)
{
    const struct passage *passage = exchange->passage;
    const struct header_rules *rules = &passage->route->request_headers;
    const struct identity_config *identity = &exchange->realm->config->identity;
    struct client *client = exchange->client;
    const struct request_filter filter = {rules, exchange->realm->config,
                                          replaced_in_request(exchange, head)};
    char value[TRACE_TEXT];
    const char *version = head->start_line.at + head->start_line.length - (sizeof("HTTP/1.1") - 1);
    if (head->authority.length > 0)
        append_target(out, head);
    else
        append_span(out, head->start_line.at, version);
    buf_append(out, TEXT("HTTP/1.1\r\n"));
    append_fields(out, head, keep_in_request, &filter);
    if ((head->authority.length > 0 || !http_has(head, HTTP_FIELD_HOST)) &&
        !header_rules_drop(rules, TEXT("host")))
        append_host(out, head, passage->upstream->config);
    if (!http_has(head, HTTP_FIELD_X_REQUEST_ID) &&
        !header_rules_drop(rules, TEXT("x-request-id"))) {
        char id[32];
        trace_hex(id, trace->trace_id, sizeof(trace->trace_id));
        buf_append(out, TEXT("X-Request-Id: "));
        buf_append(out, id, sizeof(id));
        buf_append(out, TEXT("\r\n"));
    }
    origin_append(out, client, head, rules);
    credential_append(out, client, rules);
    origin_append_mark(out, identity, rules, head->minor_version);
    hop_append_request(out, head, exchange);
    buf_append(out, rules->lines, rules->lines_length);
    trace_format(trace, value);
    buf_append(out, TEXT("traceparent: "));
    buf_append(out, value, sizeof(value));
    buf_append(out, TEXT("\r\n\r\n"));
}

static void append_date(struct buf *out, struct worker *worker)
{
    buf_append(out, TEXT("Date: "));
    buf_append(out, worker_date(worker), HTTP_DATE);
    buf_append(out, TEXT("\r\n"));
}

static bool keep_in_response(const struct http_head *head, const struct http_field *field,
                             const void *context)
{
    const struct exchange *exchange = context;
    bool frames =
        field->id == HTTP_FIELD_TRANSFER_ENCODING || field->id == HTTP_FIELD_CONTENT_LENGTH;
    if (field->id == HTTP_FIELD_TRANSFER_ENCODING && exchange->client_http_1_0)
        return false; /* also of an answer to HEAD */
    if (frames && (head->status < 200 || head->status == 204))
        return false; /* RFC 9110 8.6, RFC 9112 6.1: who believed it would wait for a body */
    return !http_is_hop_by_hop(head, field) &&
           !header_rules_drop(&exchange->passage->route->response_headers, field->name.at,
                              field->name.length);
}

void forward_response_head(struct buf *out, const struct http_head *head,
                           const struct exchange *exchange)
{
    const struct header_rules *rules = &exchange->passage->route->response_headers;
    const struct identity_config *identity = &exchange->realm->config->identity;
    /* The upstream may speak 1.0; the gateway speaks for itself. */
    const char *status = head->start_line.at + sizeof("HTTP/1.1") - 1;
    buf_append(out, TEXT("HTTP/1.1"));
    append_span(out, status, head->start_line.at + head->start_line.length);
    if (head->start_line.length == sizeof("HTTP/1.1 200") - 1)
        buf_append(out, TEXT(" ")); /* it stands there also when no reason follows (RFC 9112 4) */
    buf_append(out, TEXT("\r\n"));
    append_fields(out, head, keep_in_response, exchange);
    if ((identity->via == VIA_BOTH || identity->via == VIA_RESPONSE) &&
        !header_rules_drop(rules, TEXT("via")))
        origin_append_via(out, identity, head->minor_version);
    if (exchange->enchunk)
        buf_append(out, TEXT("Transfer-Encoding: chunked\r\n"));
    if (head->status >= 200 && !http_has(head, HTTP_FIELD_DATE) &&
        !header_rules_drop(rules, TEXT("date")))
        append_date(out, exchange->worker);
    if (head->status >= 200)
        buf_append(out, rules->lines, rules->lines_length);
    hop_append_response(out, head, exchange);
    buf_append(out, TEXT("\r\n"));
}
