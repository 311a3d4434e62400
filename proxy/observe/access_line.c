/* SPDX-License-Identifier: MIT */
#include "proxy/observe/access_line.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/record/cause.h"
#include "lib/record/value.h"

/* ---- texts */

struct text_row {
    const char *field;
    uint16_t room;
};
#define TEXT_ROW(id, field_name, bytes) [ACCESS_TEXT_##id] = {field_name, bytes},
static const struct text_row text_rows[ACCESS_TEXT_COUNT] = {ACCESS_TEXTS(TEXT_ROW)};

#define WANT(id) (1u << ACCESS_TEXT_##id)
static const unsigned wanted[ACCESS_FORMAT_COUNT] = {
    [ACCESS_HTTPLOG] = WANT(TARGET),
    [ACCESS_ENVOY] =
        WANT(TARGET) | WANT(USER_AGENT) | WANT(HOST) | WANT(FORWARDED_FOR) | WANT(REQUEST_ID),
    [ACCESS_COMBINED] = WANT(TARGET) | WANT(USER_AGENT) | WANT(REFERER),
};

bool access_format_has_texts(enum access_format format)
{
    return wanted[format] != 0;
}

static struct http_span find_text(enum access_text text, const struct http_head *head)
{
    if (text == ACCESS_TEXT_TARGET)
        return head->target;
    const struct http_field *field = http_field_named(head, text_rows[text].field);
    return field ? field->value : (struct http_span){"", 0};
}

void access_texts_keep(struct access_texts *texts, enum access_format format,
                       const struct http_head *head)
{
    uint16_t used = 0;
    texts->minor_version = head->minor_version;
    for (int i = 0; i < ACCESS_TEXT_COUNT; i++) {
        struct http_span text = {"", 0};
        if (wanted[format] >> i & 1)
            text = find_text((enum access_text)i, head);
        uint16_t length =
            text.length < text_rows[i].room ? (uint16_t)text.length : text_rows[i].room;
        memcpy(texts->bytes + used, text.at, length);
        texts->start[i] = used;
        texts->length[i] = length;
        used = (uint16_t)(used + length);
    }
}

/* ---- parts of lines */

static void append(struct buf *out, const char *text)
{
    buf_append(out, text, strlen(text));
}

static void append_number(struct buf *out, uint64_t number)
{
    out->end += value_digits(buf_reserve(out, VALUE_DIGITS), number);
}

static void append_signed(struct buf *out, int64_t number)
{
    if (number < 0)
        append(out, "-1");
    else
        append_number(out, (uint64_t)number);
}

/* How a format writes bytes that must not stand as they are. */
struct escape {
    const char *special; /* beside control characters and what is not ASCII */
    const char *prefix;  /* in front of two hexadecimal digits */
};
static const struct escape haproxy_escape = {"\"#", "#"};
static const struct escape nginx_escape = {"\"\\", "\\x"};

static void append_escaped(struct buf *out, const char *text, size_t length,
                           const struct escape *escape)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte >= ' ' && byte <= '~' && !strchr(escape->special, byte)) {
            buf_append(out, text + i, 1);
            continue;
        }
        append(out, escape->prefix);
        buf_append(out, &digits[byte >> 4], 1);
        buf_append(out, &digits[byte & 15], 1);
    }
}

static void append_text(struct buf *out, const struct access_entry *entry, enum access_text text,
                        const struct escape *escape)
{
    const struct access_texts *texts = entry->texts;
    if (!texts || texts->length[text] == 0)
        append(out, "-");
    else
        append_escaped(out, texts->bytes + texts->start[text], texts->length[text], escape);
}

static void append_quoted(struct buf *out, const struct access_entry *entry, enum access_text text)
{
    append(out, " \"");
    append_text(out, entry, text, &nginx_escape);
    append(out, "\"");
}

/* "GET /path HTTP/1.1" */
static void append_request(struct buf *out, const struct access_entry *entry,
                           const struct escape *escape)
{
    const char *method = entry->record->method;
    append_escaped(out, method, strnlen(method, sizeof(entry->record->method)), escape);
    append(out, " ");
    append_text(out, entry, ACCESS_TEXT_TARGET, escape);
    append(out, entry->texts->minor_version ? " HTTP/1.1" : " HTTP/1.0");
}

static void append_client(struct buf *out, const struct access_entry *entry)
{
    struct ip_peer peer = entry->record->client;
    char text[IP_PEER_TEXT];
    peer.port = 0;
    append(out, ip_peer_format(&peer, text) > 0 ? text : "-");
}

static void read_clock(struct access_clock *clock, wall moment)
{
    int64_t second = moment.ns / NS_PER_S;
    if (clock->second == second)
        return;
    time_t time = second;
    struct tm tm;
    clock->second = second;
    localtime_r(&time, &tm);
    strftime(clock->date, sizeof(clock->date), "%d/%b/%Y:%H:%M:%S", &tm);
    strftime(clock->zone, sizeof(clock->zone), "%z", &tm);
    gmtime_r(&time, &tm);
    strftime(clock->iso_utc, sizeof(clock->iso_utc), "%Y-%m-%dT%H:%M:%S", &tm);
}

static unsigned milliseconds(wall moment)
{
    return (unsigned)(moment.ns / NS_PER_MS % 1000);
}

/* ---- times */

static int64_t to_ms(int64_t ns)
{
    return ns < 0 ? -1 : ns / NS_PER_MS;
}

/* From the connection to the first byte of the response, or -1. */
static int64_t until_response(const struct request_record *record)
{
    if (record->wait < 0)
        return -1;
    return record->wait + (record->send > 0 ? record->send : 0);
}

static int64_t connect_time(const struct access_entry *entry)
{
    /* A connection of the pool took no time. */
    int64_t connect = entry->record->connect;
    return connect < 0 && entry->connected ? 0 : connect;
}

/* ---- HAProxy */

static void append_httplog_timers(struct buf *out, const struct access_entry *entry)
{
    const struct request_record *record = entry->record;
    append_signed(out, to_ms(record->read));
    append(out, "/");
    append_signed(out, entry->upstream ? to_ms(record->queue) : -1);
    append(out, "/");
    append_signed(out, to_ms(connect_time(entry)));
    append(out, "/");
    append_signed(out, to_ms(until_response(record)));
    append(out, "/");
    append_signed(out, to_ms(record->total));
}

/* Of a client that went away HAProxy says whether it waited for the head still, or for the rest. */
static const char *httplog_pair(const struct request_record *record)
{
    bool before_head = record->cause == CAUSE_CLIENT_ABORT && until_response(record) < 0;
    return before_head ? "CH" : cause_row((enum cause)record->cause)->haproxy_pair;
}

static void append_httplog_state(struct buf *out, const struct access_entry *entry)
{
    const struct request_record *record = entry->record;
    bool own = !entry->upstream && record->cause == CAUSE_NONE;
    append(out, " - - ");
    append(out, own ? "LR" : httplog_pair(record));
    buf_printf(out, "-- %llu/%llu/%llu/%d/%d %d/%d ", (unsigned long long)entry->clients,
               (unsigned long long)entry->clients, (unsigned long long)entry->exchanges,
               entry->endpoint_connections, record->attempts > 0 ? record->attempts - 1 : 0, 0,
               entry->queued_behind);
}

static void append_httplog(struct buf *out, const struct access_entry *entry,
                           const struct access_clock *clock)
{
    const struct request_record *record = entry->record;
    append_client(out, entry);
    buf_printf(out, "%s%u [%s.%03u] %s ", record->client.kind == IP_PEER_UNIX ? "" : ":",
               record->client.port, clock->date, milliseconds(entry->started), entry->gateway);
    append(out, entry->upstream ? entry->upstream : entry->gateway);
    append(out, "/");
    append(out, entry->endpoint ? entry->endpoint : "<NOSRV>");
    append(out, " ");
    append_httplog_timers(out, entry);
    append(out, " ");
    /* Nothing was sent to a client that had gone. */
    append_signed(out, record->status == 499 ? -1 : record->status);
    append(out, " ");
    append_number(out, record->bytes_out);
    append_httplog_state(out, entry);
    append(out, "\"");
    if (entry->texts)
        append_request(out, entry, &haproxy_escape);
    else
        append(out, "<BADREQ>");
    append(out, "\"\n");
}

/* ---- Envoy */

static void append_request_id(struct buf *out, const struct access_entry *entry)
{
    const struct record_trace *trace = &entry->record->trace_id;
    if (!entry->texts || entry->texts->length[ACCESS_TEXT_REQUEST_ID]) {
        append_quoted(out, entry, ACCESS_TEXT_REQUEST_ID);
        return;
    }
    /* The gateway makes one of the trace id. */
    append(out, " \"");
    for (size_t i = 0; i < sizeof(trace->bytes); i++)
        buf_printf(out, "%02x", trace->bytes[i]);
    append(out, "\"");
}

/* Envoy's order has DI behind what became of the request, but before FI. */
static void append_flags(struct buf *out, const struct access_entry *entry)
{
    enum cause cause = (enum cause)entry->record->cause;
    const char *flag = cause_row(cause)->envoy_flag;
    if (!entry->delayed)
        append(out, flag);
    else if (strcmp(flag, "-") == 0)
        append(out, "DI");
    else
        buf_printf(out, cause == CAUSE_FAULT_ABORT ? "DI,%s" : "%s,DI", flag);
}

static void append_envoy(struct buf *out, const struct access_entry *entry,
                         const struct access_clock *clock)
{
    const struct request_record *record = entry->record;
    int64_t service = to_ms(until_response(record));
    buf_printf(out, "[%s.%03uZ] \"", clock->iso_utc, milliseconds(entry->started));
    if (entry->texts)
        append_request(out, entry, &nginx_escape);
    else
        append(out, "- - HTTP/1.1");
    append(out, "\" ");
    append_number(out, record->status == 499 ? 0 : record->status);
    append(out, " ");
    append_flags(out, entry);
    append(out, " ");
    append_number(out, entry->body_in);
    append(out, " ");
    append_number(out, entry->body_out);
    append(out, " ");
    append_signed(out, to_ms(record->total));
    append(out, " ");
    if (service < 0)
        append(out, "-");
    else
        append_number(out, (uint64_t)service);
    append_quoted(out, entry, ACCESS_TEXT_FORWARDED_FOR);
    append_quoted(out, entry, ACCESS_TEXT_USER_AGENT);
    append_request_id(out, entry);
    append_quoted(out, entry, ACCESS_TEXT_HOST);
    append(out, " \"");
    append(out, entry->endpoint ? entry->endpoint : "-");
    append(out, "\"\n");
}

/* ---- nginx */

static void append_seconds(struct buf *out, int64_t ns)
{
    int64_t ms = to_ms(ns);
    if (ms < 0)
        append(out, "-");
    else
        buf_printf(out, "%lld.%03d", (long long)(ms / 1000), (int)(ms % 1000));
}

static void append_upstream_times(struct buf *out, const struct access_entry *entry)
{
    const struct request_record *record = entry->record;
    int64_t connect = connect_time(entry), head = until_response(record);
    int64_t to_head = head < 0 ? -1 : head + (connect > 0 ? connect : 0);
    append(out, " rt=");
    append_seconds(out, record->total);
    append(out, " uct=\"");
    append_seconds(out, connect);
    append(out, "\" uht=\"");
    append_seconds(out, to_head);
    append(out, "\" urt=\"");
    append_seconds(out, to_head < 0 || record->receive < 0 ? -1 : to_head + record->receive);
    append(out, "\"\n");
}

static void append_combined(struct buf *out, const struct access_entry *entry,
                            const struct access_clock *clock)
{
    append_client(out, entry);
    buf_printf(out, " - - [%s %s] \"", clock->date, clock->zone);
    if (entry->texts)
        append_request(out, entry, &nginx_escape);
    else
        append(out, "-");
    append(out, "\" ");
    append_number(out, entry->record->status);
    append(out, " ");
    append_number(out, entry->body_out);
    append_quoted(out, entry, ACCESS_TEXT_REFERER);
    append_quoted(out, entry, ACCESS_TEXT_USER_AGENT);
    append_upstream_times(out, entry);
}

void access_line_append(struct buf *out, enum access_format format,
                        const struct access_entry *entry, struct access_clock *clock)
{
    read_clock(clock, entry->started);
    switch (format) {
    case ACCESS_HTTPLOG:
        append_httplog(out, entry, clock);
        break;
    case ACCESS_ENVOY:
        append_envoy(out, entry, clock);
        break;
    case ACCESS_COMBINED:
        append_combined(out, entry, clock);
        break;
    default:
        break;
    }
}
