/* SPDX-License-Identifier: MIT */
/* The parsers of lib/http on any bytes. The first byte of the input says what the others are; for
 * streams of messages, how they are cut into pieces follows from the input too, and must never
 * change what is read; and what a gateway passes on of them reads the same again. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/rng.h"
#include "lib/http/forwarded.h"
#include "lib/http/framing.h"
#include "lib/http/target.h"
#include "lib/http/timing.h"
#include "lib/http/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) ((condition) ? (void)0 : abort())

/* ---- heads */

static void check_inside(struct http_span span, struct http_span whole)
{
    MUST(span.at >= whole.at && span.at + span.length <= whole.at + whole.length);
}

static void check_field(const struct http_head *head, const struct http_field *field)
{
    check_inside(field->name, field->line);
    check_inside(field->value, field->line);
    MUST(field->name.length > 0 && field->name.at == field->line.at);
    MUST(memcmp(field->line.at + field->line.length - 2, "\r\n", 2) == 0);
    for (uint32_t i = 0; i < field->line.length - 2; i++)
        MUST(!strchr("\r\n", field->line.at[i]));
    MUST(http_has(head, field->id));
    (void)http_is_hop_by_hop(head, field);
}

static void check_lists(const struct http_head *head)
{
    for (enum http_field_id id = 0; id < HTTP_FIELD_COUNT; id++) {
        int field = 0;
        uint32_t offset = 0;
        struct http_span element;
        while (http_list_next(head, id, &field, &offset, &element)) {
            MUST(element.length > 0);
            check_inside(element, head->fields[field].value);
        }
        MUST(!http_field(head, id) == !http_has(head, id));
    }
}

/* The start line and the fields stand behind one another and are all there is. */
static void check_head(const struct http_head *head, const char *bytes, size_t length)
{
    const char *at = bytes + head->start_line.length + 2;
    MUST(head->start_line.at == bytes && memcmp(at - 2, "\r\n", 2) == 0);
    for (int i = 0; i < head->field_count; i++) {
        MUST(head->fields[i].line.at == at);
        at += head->fields[i].line.length;
        check_field(head, &head->fields[i]);
    }
    MUST(at + 2 == bytes + length && memcmp(at, "\r\n", 2) == 0);
    check_lists(head);
    (void)http_keeps_alive(head);
    (void)http_field_named(head, "x-request-id");
}

/* What a target is taken apart into lies in the start line, or is a constant. */
static void check_target(struct http_head *head)
{
    if (http_resolve_target(head) || http_span_is(head->method, "CONNECT"))
        return;
    MUST(head->target.length > 0 && memchr("/*?", head->target.at[0], 3));
    MUST(!memchr(head->target.at, '#', head->target.length));
    if (head->authority.length == 0)
        return;
    check_inside(head->authority, head->start_line);
    MUST(http_is_host(head->authority) && http_host(head).at == head->authority.at);
}

/* ---- streams of messages */

enum kind { REQUESTS, RESPONSES, CHUNKED_BODIES };

/* Of so many requests it is remembered whether they were HEAD; the next ones count anew. */
enum { REMEMBERED = 64 };

/* What has been read of a stream; compared between two ways to cut it. */
struct reading {
    enum kind kind;
    struct buf head;
    size_t scanned;
    struct http_body body;
    bool in_body;
    const char *problem;
    unsigned messages, answers;
    uint64_t heads; /* bit set of the requests that were HEAD */
    uint64_t used;
    uint64_t content;  /* a sum over the content of all bodies */
    struct buf passed; /* what a gateway passes on */
};

static struct reading begin(enum kind kind, uint64_t heads)
{
    struct reading reading = {.kind = kind, .heads = heads, .in_body = kind == CHUNKED_BODIES};
    reading.body.framing = HTTP_CHUNKED;
    http_chunks_init(&reading.body.chunks);
    return reading;
}

static void add_content(struct reading *reading, struct http_span payload)
{
    for (uint32_t i = 0; i < payload.length; i++)
        reading->content = (reading->content ^ (uint8_t)payload.at[i]) * UINT64_C(0x100000001b3);
}

static void end_message(struct reading *reading)
{
    reading->in_body = reading->kind == CHUNKED_BODIES;
    if (reading->in_body)
        reading->body = begin(CHUNKED_BODIES, 0).body;
    reading->messages++;
    reading->content = reading->content * 31 + 1;
}

static void begin_request(struct reading *reading, struct http_head *head)
{
    uint64_t bit = UINT64_C(1) << reading->messages % REMEMBERED;
    reading->heads =
        http_span_is(head->method, "HEAD") ? reading->heads | bit : reading->heads & ~bit;
    reading->problem = http_request_body(&reading->body, head);
    check_target(head);
}

static void begin_response(struct reading *reading, const struct http_head *head)
{
    bool answers_head = reading->heads >> reading->answers % REMEMBERED & 1;
    reading->problem = http_response_body(&reading->body, head, answers_head);
    reading->answers += head->status >= 200;
    if (head->status == 101)
        reading->problem = "a tunnel";
}

static void begin_message(struct reading *reading, const char *bytes, size_t length)
{
    struct http_head head;
    bool request = reading->kind == REQUESTS;
    reading->problem = (request ? http_parse_request : http_parse_response)(&head, bytes, length);
    if (reading->problem)
        return;
    check_head(&head, bytes, length);
    if (request)
        begin_request(reading, &head);
    else
        begin_response(reading, &head);
}

static void take_head(struct reading *reading, size_t length)
{
    char *copy = malloc(length);
    MUST(copy != NULL);
    memcpy(copy, buf_head(&reading->head), length);
    begin_message(reading, copy, length);
    if (!reading->problem)
        buf_append(&reading->passed, copy, length);
    free(copy);
    buf_consume(&reading->head, length);
    reading->scanned = 0;
    reading->used += length;
    reading->in_body = true;
    if (!reading->problem && reading->body.complete)
        end_message(reading);
}

static void take_body(struct reading *reading, const char *bytes, size_t available)
{
    size_t used = 0;
    struct http_span payload = {bytes, 0};
    reading->problem = http_body_take(&reading->body, bytes, available, &used, &payload);
    if (reading->problem)
        return;
    MUST(used > 0 && used <= available);
    check_inside(payload, (struct http_span){bytes, (uint32_t)used});
    MUST(payload.length == 0 || !http_body_drops(&reading->body));
    add_content(reading, payload);
    reading->used += used;
    if (!http_body_drops(&reading->body))
        buf_append(&reading->passed, bytes, used);
    buf_consume(&reading->head, used);
    if (reading->body.complete)
        end_message(reading);
}

/* Reads on in what stands in `head`; false when it needs more. */
static bool take_more(struct reading *reading)
{
    const char *bytes = buf_head(&reading->head);
    size_t available = buf_len(&reading->head);
    if (available == 0 || reading->problem)
        return false;
    if (reading->in_body) {
        take_body(reading, bytes, available);
        return !reading->problem;
    }
    size_t length = http_head_end(bytes, available, &reading->scanned);
    MUST(length <= available && reading->scanned <= available);
    if (length > 0)
        take_head(reading, length);
    return length > 0;
}

/* Reads on. The cuts: `rng` NULL = one piece, else pieces of mostly few bytes. */
static void read_stream(struct reading *reading, const uint8_t *data, size_t size, struct rng *rng)
{
    while (size > 0) {
        uint64_t draw = rng ? rng_next(rng) : UINT64_MAX;
        size_t most = draw & 1 ? (draw >> 8) % 64 : (draw >> 8) % 4;
        size_t piece = rng && most + 1 < size ? most + 1 : size;
        buf_append(&reading->head, data, piece);
        while (take_more(reading))
            continue;
        data += piece;
        size -= piece;
    }
    buf_free(&reading->head);
}

static void compare(const struct reading *a, const struct reading *b)
{
    MUST(!a->problem == !b->problem);
    MUST(!a->problem || strcmp(a->problem, b->problem) == 0);
    MUST(a->messages == b->messages && a->content == b->content && a->heads == b->heads);
    MUST(a->in_body == b->in_body);
    MUST(a->problem || a->used == b->used);
}

/* The next hop reads the same messages out of what is passed on, and would pass on the same. */
static void check_passed_on(const struct reading *whole, struct reading again)
{
    const struct buf *passed = &whole->passed;
    if (buf_len(passed) > 0)
        read_stream(&again, (const uint8_t *)buf_head(passed), buf_len(passed), NULL);
    MUST(!again.problem);
    MUST(again.messages == whole->messages);
    MUST(whole->problem || (again.content == whole->content && again.in_body == whole->in_body));
    MUST(buf_len(&again.passed) == buf_len(passed));
    MUST(buf_len(passed) == 0 ||
         memcmp(buf_head(&again.passed), buf_head(passed), buf_len(passed)) == 0);
    buf_free(&again.passed);
}

/* Gives the requests that were HEAD. */
static uint64_t check_stream(enum kind kind, uint64_t heads, const uint8_t *data, size_t size)
{
    uint64_t seed = size;
    for (size_t i = 0; i < size; i++)
        seed = (seed ^ data[i]) * UINT64_C(0x100000001b3);
    struct reading whole = begin(kind, heads);
    read_stream(&whole, data, size, NULL);
    for (int i = 0; i < 4; i++) {
        struct rng rng;
        struct reading cut = begin(kind, heads);
        rng_init(&rng, seed + (uint64_t)i);
        read_stream(&cut, data, size, &rng);
        compare(&whole, &cut);
        buf_free(&cut.passed);
    }
    check_passed_on(&whole, begin(kind, heads));
    buf_free(&whole.passed);
    return whole.heads;
}

/* Requests, a byte that is in neither, and the responses to them in their order. */
static void check_conversation(const uint8_t *data, size_t size)
{
    const uint8_t *between = memchr(data, 0x1e, size);
    size_t requests = between ? (size_t)(between - data) : size;
    uint64_t heads = check_stream(REQUESTS, 0, data, requests);
    if (between)
        check_stream(RESPONSES, heads, between + 1, size - requests - 1);
}

/* ---- trace and timing */

static void check_trace(const char *text, size_t size)
{
    struct trace trace, again;
    char out[TRACE_TEXT];
    if (!trace_parse(&trace, text, size))
        return;
    MUST(size >= TRACE_TEXT);
    trace_format(&trace, out);
    MUST(memcmp(out + 2, text + 2, TRACE_TEXT - 4) == 0);
    MUST(trace_parse(&again, out, TRACE_TEXT) && again.sampled == trace.sampled);
}

static void check_timing(const char *text, size_t size)
{
    struct timing timing, again;
    char out[TIMING_TEXT];
    timing_clear(&timing);
    timing_clear(&again);
    timing_parse(&timing, text, size);
    size_t length = timing_format(&timing, out);
    MUST(length < TIMING_TEXT);
    timing_parse(&again, out, length);
    for (int i = 0; i < TIMING_PHASE_COUNT; i++) {
        MUST(timing.ns[i] >= -1);
        /* Beyond a year a number is none. */
        MUST(again.ns[i] == (timing.ns[i] < 0 ? -1 : timing.ns[i] / 1000 * 1000) ||
             timing.ns[i] > INT64_C(31536000) * 1000000000);
    }
}

/* What is appended to whatever a stranger wrote is read as the last element. */
static void check_forwarded(const char *text, size_t size)
{
    const struct ip_peer written = {IP_V4(192, 0, 2, 1), 0, IP_PEER_IP};
    struct ip_peer peer = {.kind = IP_PEER_UNKNOWN};
    struct buf value = {0};
    buf_append(&value, text, size);
    buf_append_text(&value, ", ");
    forwarded_append(&value, &written, (struct http_span){"", 0}, "http");
    struct http_span rest = {buf_head(&value), (uint32_t)buf_len(&value)};
    for (uint32_t before = rest.length; forwarded_next(&rest, &peer); before = rest.length)
        MUST(rest.length < before);
    MUST(memcmp(&peer, &written, sizeof(peer)) == 0);
    buf_free(&value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    switch (data[0]) {
    case '>':
        check_stream(REQUESTS, 0, data + 1, size - 1);
        break;
    case '<':
        check_stream(RESPONSES, 0, data + 1, size - 1);
        break;
    case 'H':
        check_stream(RESPONSES, UINT64_MAX, data + 1, size - 1);
        break;
    case 'X':
        check_conversation(data + 1, size - 1);
        break;
    case 'C':
        check_stream(CHUNKED_BODIES, 0, data + 1, size - 1);
        break;
    case 'F':
        check_forwarded((const char *)data + 1, size - 1);
        break;
    case 'T':
        check_trace((const char *)data + 1, size - 1);
        break;
    case 'S':
        check_timing((const char *)data + 1, size - 1);
        break;
    default:
        break;
    }
    return 0;
}
