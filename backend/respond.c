/* SPDX-License-Identifier: MIT */
#include "backend/respond.h"

#include <string.h>

#include "backend/holds.h"
#include "backend/service.h"

/* What is cut off when there is no body to cut. */
#define TRUNCATED_BODY 1024

#define PLAIN_TEXT "Content-Type: text/plain\r\n"

/* Server-Timing as of now, and the other field lines. */
static const char *make_fields(struct request *request, const char *fields)
{
    struct buf *out = &request->service->fields;
    char text[TIMING_TEXT];
    request_enter(request, TIMING_WORK);
    size_t length = timing_format(&request->phases.spent, text);
    buf_clear(out);
    buf_append_text(out, "Server-Timing: ");
    buf_append(out, text, length);
    buf_append_text(out, "\r\n");
    buf_append_text(out, fields);
    buf_append(out, "", 1);
    return buf_head(out);
}

static void send_response(struct request *request, struct serve_response *response,
                          const char *fields)
{
    holds_before_response(request);
    response->fields = make_fields(request, fields);
    enum serve_progress progress = serve_respond(request->conn, response);
    if (progress == SERVE_GONE) {
        request_client_left(request);
        request->delivery = DELIVERY_OVER;
    } else {
        request->delivery = progress == SERVE_WRITTEN ? DELIVERY_WRITTEN : DELIVERY_WRITING;
    }
}

static struct serve_response from_config(const struct respond_config *config)
{
    return (struct serve_response){
        .status = (int)config->status, .length = config->body, .chunked = config->chunked};
}

void respond_send(struct request *request, const struct respond_config *config)
{
    if (request->served.abandoned) {
        holds_before_response(request); /* the handler does not care that its client has gone */
        return;
    }
    struct serve_response response = from_config(config);
    send_response(request, &response, config->fields);
}

void respond_error(struct request *request, int status, const char *text)
{
    if (request->delivery != DELIVERY_NONE)
        return;
    struct serve_response response = {.status = status, .body = text, .length = strlen(text)};
    send_response(request, &response, PLAIN_TEXT);
}

void respond_default(struct request *request)
{
    if (request->delivery != DELIVERY_NONE)
        return;
    struct serve_response response = {.status = 204};
    send_response(request, &response, "");
}

/* The response that the handler would have sent. */
static const struct respond_config *next_response(const struct request *request)
{
    const struct conf_list *list = request->frames[0].steps;
    const struct step *steps = list->items;
    for (size_t i = request->frames[0].at; i < list->count; i++)
        if (steps[i].kind == STEP_RESPOND)
            return &steps[i].respond;
    return NULL;
}

/* The bytes of it; what the request holds for last uses goes first, as before any response. */
static bool fail_with_bytes(struct request *request, enum serve_fault how)
{
    const struct respond_config *config = next_response(request);
    struct serve_response response = {.status = 200};
    if (config)
        response = from_config(config);
    if (response.length < 2)
        response.length = TRUNCATED_BODY;
    holds_before_response(request);
    response.fields = make_fields(request, config ? config->fields : "");
    bool over = serve_misbehave(request->conn, how, &response) == SERVE_GONE;
    request->delivery = over ? DELIVERY_OVER : DELIVERY_WRITING;
    return over;
}

bool respond_fail(struct request *request, enum serve_fault how)
{
    request->service->counts.faults[how]++;
    /* Who hangs keeps what it holds. */
    return how != SERVE_FAULT_HANG && fail_with_bytes(request, how);
}

void respond_unknown_path(struct serve_conn *conn)
{
    static const char text[] = "no handler stands for this path\n";
    struct serve_response response = {
        .status = 404, .fields = PLAIN_TEXT, .body = text, .length = sizeof(text) - 1};
    serve_respond(conn, &response);
    serve_end(conn);
}
