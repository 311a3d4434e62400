/* SPDX-License-Identifier: MIT */
#include "chaos/message/rewrite.h"

#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>

/* The fields that are added here, and the line that is none. */
#define PADDING  "X-Padding: "
#define NO_FIELD "this line is no field\r\n"

/* How a kind of fault writes a head anew. NULL: it does not. */
typedef void rewriter(struct buf *out, const struct http_head *head,
                      const struct fault_config *fault);

/* ---- pieces of heads */

static void put_span(struct buf *out, struct http_span span)
{
    buf_append(out, span.at, span.length);
}

static void put_start(struct buf *out, const struct http_head *head)
{
    put_span(out, head->start_line);
    buf_append_text(out, "\r\n");
}

static bool is_named(struct http_span name, const char *text)
{
    return strlen(text) == name.length && strncasecmp(name.at, text, name.length) == 0;
}

/* ---- edits */

static bool is_edited_out(const struct fault_config *fault, struct http_span name)
{
    const struct fault_field *set = fault->set.items;
    const char *const *remove = fault->remove.items;
    for (size_t i = 0; i < fault->set.count; i++)
        if (is_named(name, set[i].name))
            return true;
    for (size_t i = 0; i < fault->remove.count; i++)
        if (is_named(name, remove[i]))
            return true;
    return false;
}

static void put_fields(struct buf *out, const struct conf_list *list)
{
    const struct fault_field *fields = list->items;
    for (size_t i = 0; i < list->count; i++)
        buf_printf(out, "%s: %s\r\n", fields[i].name, fields[i].value);
}

static void edit(struct buf *out, const struct http_head *head, const struct fault_config *fault)
{
    put_start(out, head);
    for (int i = 0; i < head->field_count; i++)
        if (!is_edited_out(fault, head->fields[i].name))
            put_span(out, head->fields[i].line);
    put_fields(out, &fault->set);
    put_fields(out, &fault->add);
    buf_append_text(out, "\r\n");
}

/* ---- lengths */

static int64_t wrong(struct http_span value, int64_t difference)
{
    char digits[24] = "";
    uint32_t length = value.length < sizeof(digits) - 1 ? value.length : sizeof(digits) - 1;
    memcpy(digits, value.at, length);
    int64_t sum = (int64_t)strtoll(digits, NULL, 10) + difference;
    return sum > 0 ? sum : 0;
}

static void change_length(struct buf *out, const struct http_head *head,
                          const struct fault_config *fault)
{
    put_start(out, head);
    for (int i = 0; i < head->field_count; i++) {
        const struct http_field *field = &head->fields[i];
        if (field->id != HTTP_FIELD_CONTENT_LENGTH) {
            put_span(out, field->line);
            continue;
        }
        put_span(out, field->name);
        buf_printf(out, ": %" PRId64 "\r\n", wrong(field->value, fault->difference));
    }
    buf_append_text(out, "\r\n");
}

static void say_chunked(struct buf *out, const struct http_head *head,
                        const struct fault_config *fault)
{
    put_start(out, head);
    for (int i = 0; i < head->field_count; i++)
        if (head->fields[i].id != HTTP_FIELD_CONTENT_LENGTH &&
            head->fields[i].id != HTTP_FIELD_TRANSFER_ENCODING)
            put_span(out, head->fields[i].line);
    buf_append_text(out, "Transfer-Encoding: chunked\r\n\r\n");
}

/* ---- what a head should not be */

static void put_all_fields(struct buf *out, const struct http_head *head)
{
    for (int i = 0; i < head->field_count; i++)
        put_span(out, head->fields[i].line);
}

static void pad(struct buf *out, const struct http_head *head, const struct fault_config *fault)
{
    put_start(out, head);
    put_all_fields(out, head);
    size_t length = buf_len(out) + strlen(PADDING "\r\n\r\n");
    size_t more = fault->size > length ? (size_t)fault->size - length : 1;
    buf_append_text(out, PADDING);
    memset(buf_reserve(out, more), 'x', more);
    out->end += more;
    buf_append_text(out, "\r\n\r\n");
}

static void spoil(struct buf *out, const struct http_head *head, const struct fault_config *fault)
{
    put_start(out, head);
    buf_append_text(out, NO_FIELD);
    put_all_fields(out, head);
    buf_append_text(out, "\r\n");
}

/* ---- all of it */

static const struct {
    rewriter *write;
    bool response;
    bool last; /* behind it the head cannot be read any more */
} rewrites[FAULT_COUNT] = {
    [FAULT_EDIT_REQUEST] = {.write = edit},
    [FAULT_EDIT_RESPONSE] = {.write = edit, .response = true},
    [FAULT_WRONG_LENGTH] = {.write = change_length, .response = true},
    [FAULT_OVERSIZED_HEAD] = {.write = pad, .response = true},
    [FAULT_MALFORMED_HEAD] = {.write = spoil, .response = true, .last = true},
};

static bool applies(const struct turn_touch *touch, bool response)
{
    int kind = touch->fault->kind;
    return rewrites[kind].write && rewrites[kind].response == response;
}

static bool is_due(const struct turn *turn, bool response)
{
    list_foreach (node, &turn->touches)
        if (applies(turn_touch_at(node), response))
            return true;
    return response && turn->rechunks;
}

static void apply(struct buf *head, rewriter *write, bool response,
                  const struct fault_config *fault)
{
    struct buf out = {0};
    struct http_head parsed;
    const char *problem = response ? http_parse_response(&parsed, buf_head(head), buf_len(head))
                                   : http_parse_request(&parsed, buf_head(head), buf_len(head));
    if (problem)
        return; /* edited to more fields than can be read: what comes later is left out */
    write(&out, &parsed, fault);
    buf_free(head);
    *head = out;
}

static void apply_touches(struct buf *head, const struct turn *turn, bool response, bool last)
{
    list_foreach (node, &turn->touches) {
        const struct turn_touch *touch = turn_touch_at(node);
        if (applies(touch, response) && rewrites[touch->fault->kind].last == last)
            apply(head, rewrites[touch->fault->kind].write, response, touch->fault);
    }
}

void rewrite_put(struct way *way, const struct turn *turn, bool response, mono now)
{
    struct buf head = {0};
    const char *bytes;
    size_t n = way_gathered(way, &bytes);
    if (!is_due(turn, response)) {
        way_put_gathered(way);
        return;
    }
    buf_append(&head, bytes, n);
    way_drop_gathered(way);
    if (response && turn->rechunks)
        apply(&head, say_chunked, response, NULL);
    apply_touches(&head, turn, response, false);
    apply_touches(&head, turn, response, true);
    way_put_bytes(way, buf_head(&head), buf_len(&head), now);
    buf_free(&head);
}
