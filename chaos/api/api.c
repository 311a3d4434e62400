/* SPDX-License-Identifier: MIT */
/* Calls: which function answers which, and how answers are written. */
#include "chaos/api/api.h"

#include <stdlib.h>
#include <string.h>

#include "chaos/api/metrics.h"
#include "chaos/api/toxiproxy.h"
#include "chaos/descriptors.h"
#include "lib/base/buf.h"
#include "lib/http/path.h"
#include "lib/serve/guard.h"
#include "lib/serve/serve.h"

#define BODY_LIMIT ((size_t)1 << 20)
#define KEEPALIVE  duration_s(60)

/* More calls than these are not under way at a time: of the others the most silent is closed. */
enum { CONNECTIONS = 64 };

struct api {
    struct guard guard;
    struct links *links;
    struct serve *serve;
    uint64_t calls;
    struct buf fields;  /* of the answer being written */
    struct buf ignored; /* keys of the call's body that nobody knows */
};

/* ---- answers */

static void answer(struct api *api, struct serve_conn *conn, int status, const char *type,
                   const char *body, size_t length)
{
    buf_clear(&api->fields);
    buf_printf(&api->fields, "X-Toxiproxy-Request-Id: %020llu\r\n",
               (unsigned long long)++api->calls);
    if (type)
        buf_printf(&api->fields, "Content-Type: %s\r\nX-Content-Type-Options: nosniff\r\n", type);
    if (buf_len(&api->ignored) > 0)
        buf_printf(&api->fields, "X-Tailgate-Ignored: %s\r\n", buf_head(&api->ignored));
    buf_append(&api->fields, "", 1);
    struct serve_response response = {.status = status,
                                      .fields = buf_head(&api->fields),
                                      .body = length > 0 ? body : NULL,
                                      .length = length};
    (void)serve_respond(conn, &response);
    serve_end(conn);
}

static void answer_text(struct api *api, struct serve_conn *conn, int status, const char *text)
{
    answer(api, conn, status, "text/plain; charset=utf-8", text, strlen(text));
}

static void answer_refusal(struct api *api, struct serve_conn *conn,
                           const struct guard_refusal *refusal)
{
    struct buf line = {0};
    buf_printf(&line, "%s\n%c", refusal->text, '\0');
    answer_text(api, conn, refusal->status, buf_head(&line));
    buf_free(&line);
}

static void answer_json(struct api *api, struct serve_conn *conn, int status, cJSON *json)
{
    char *text = cJSON_PrintUnformatted(json);
    answer(api, conn, status, "application/json", text, strlen(text));
    cJSON_free(text);
    cJSON_Delete(json);
}

/* As Go's http.Error writes it: the body is JSON, the type says text. */
static void answer_error(struct api *api, struct serve_conn *conn, const struct api_error *error)
{
    struct buf text = {0};
    buf_append_text(&text, "{\"error\":\"");
    buf_append_json(&text, error->text, strlen(error->text));
    buf_printf(&text, "\",\"status\":%d}\n", error->status);
    answer(api, conn, error->status, "text/plain; charset=utf-8", buf_head(&text), buf_len(&text));
    buf_free(&text);
}

/* ---- routes */

/* Each method's bit. */
enum { GET = 1, POST = 2, PATCH = 4, DELETE = 8 };

/* "{}" stands for one name. */
static const struct route {
    const char *path;
    unsigned methods;
    toxiproxy_call *call;
} routes[] = {
    {"/proxies", GET, toxiproxy_list},
    {"/proxies", POST, toxiproxy_create},
    {"/populate", POST, toxiproxy_populate},
    {"/reset", POST, toxiproxy_reset},
    {"/version", GET, NULL},
    {"/metrics", GET, NULL},
    {"/proxies/{}", GET, toxiproxy_show},
    {"/proxies/{}", POST | PATCH, toxiproxy_update},
    {"/proxies/{}", DELETE, toxiproxy_delete},
    {"/proxies/{}/toxics", GET, toxiproxy_list_toxics},
    {"/proxies/{}/toxics", POST, toxiproxy_create_toxic},
    {"/proxies/{}/toxics/{}", GET, toxiproxy_show_toxic},
    {"/proxies/{}/toxics/{}", POST | PATCH, toxiproxy_update_toxic},
    {"/proxies/{}/toxics/{}", DELETE, toxiproxy_delete_toxic},
};

static unsigned method_bit(struct http_span method)
{
    static const char *const names[] = {"GET", "POST", "PATCH", "DELETE"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (http_span_is(method, names[i]))
            return 1u << i;
    return 0;
}

/* A segment of the path, decoded; false when it does not fit or is none. */
static bool take_name(const char **path, const char *end, char name[API_NAME])
{
    size_t length = 0, taken;
    const char *at = *path;
    for (; at < end && *at != '/' && length + 1 < API_NAME; at += taken)
        name[length++] = http_path_decode_one(at, (size_t)(end - at), &taken);
    name[length] = '\0';
    *path = at;
    return length > 0 && (at == end || *at == '/');
}

static bool route_matches(const struct route *route, struct http_span target, struct api_call *call)
{
    const char *at = target.at;
    const char *query = memchr(at, '?', target.length);
    const char *end = query ? query : at + target.length;
    int names = 0;
    for (const char *wanted = route->path; *wanted; wanted++) {
        if (*wanted == '{') {
            if (!take_name(&at, end, call->names[names++]))
                return false;
            wanted++;
        } else if (at == end || *at++ != *wanted) {
            return false;
        }
    }
    return at == end;
}

/* ---- calls */

static void answer_metrics(struct api *api, struct serve_conn *conn)
{
    struct buf text = {0};
    chaos_metrics_write(&text, api->links);
    answer(api, conn, 200, "text/plain; version=0.0.4; charset=utf-8", buf_head(&text),
           buf_len(&text));
    buf_free(&text);
}

/* Toxiproxy ignores them as well; but nobody should have to find out by what does not happen. */
static void name_ignored(struct api *api, const struct api_call *call, bool good)
{
    if (!good)
        buf_clear(&api->ignored);
    if (buf_len(&api->ignored) == 0)
        return;
    buf_append(&api->ignored, "", 1);
    log_warn(api->links->log, call->names[0][0] ? call->names[0] : NULL,
             "ignored in a call of the API, for nobody knows it: %s", buf_head(&api->ignored));
}

static void run(struct api *api, struct serve_conn *conn, const struct route *route,
                struct api_call *call)
{
    if (strcmp(route->path, "/version") == 0) {
        static const char version[] = "{\"version\": \"" TOXIPROXY_VERSION "\"}\n";
        answer(api, conn, 200, "application/json", version, strlen(version));
    } else if (!route->call) {
        answer_metrics(api, conn);
    } else {
        bool good = route->call(call);
        name_ignored(api, call, good);
        if (!good)
            answer_error(api, conn, &call->error);
        else if (call->json)
            answer_json(api, conn, call->status, call->json);
        else
            answer(api, conn, call->status, NULL, NULL, 0);
    }
}

static void on_request(void *owner, struct serve_conn *conn, const struct serve_request *request)
{
    struct api *api = owner;
    struct http_span target = request->head->target;
    unsigned method = method_bit(request->head->method);
    bool found = false;
    buf_clear(&api->ignored);
    const struct guard_refusal *refusal = guard_check(&api->guard, request->head);
    if (refusal) {
        answer_refusal(api, conn, refusal);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        struct api_call call = {.links = api->links,
                                .body = request->body,
                                .body_length = (size_t)request->body_bytes,
                                .ignored = &api->ignored};
        if (!route_matches(&routes[i], target, &call))
            continue;
        found = true;
        if (!(routes[i].methods & method))
            continue;
        run(api, conn, &routes[i], &call);
        return;
    }
    if (found)
        answer(api, conn, 405, NULL, NULL, 0);
    else
        answer_text(api, conn, 404, "404 page not found\n");
}

static void on_progress(void *owner, struct serve_conn *conn, enum serve_progress progress) {}

static const struct serve_calls calls = {.handle = on_request, .progress = on_progress};

enum result api_open(struct api **out, const struct chaos_api_config *config, struct links *links,
                     struct error *error)
{
    const struct serve_options options = {.max_connections = CONNECTIONS,
                                          .makes_room = true,
                                          .reserve = CHAOS_DESCRIPTORS_KEPT,
                                          .keepalive = KEEPALIVE,
                                          .body_limit = BODY_LIMIT};
    struct address address;
    if (!address_parse(&address, config->address))
        return error_set(error, FAILED_INPUT, "\"%s\" is no address to listen on", config->address);
    struct api *api = mem_alloc(1, sizeof(*api));
    api->guard = (struct guard){.address = config->address,
                                .token = config->token,
                                .hosts = config->hosts.items,
                                .host_count = config->hosts.count};
    api->links = links;
    enum result result =
        serve_open(&api->serve, links->loop, &address, &options, &calls, api, links->log, error);
    if (result != OK) {
        free(api);
        return result;
    }
    *out = api;
    return OK;
}

const struct address *api_address(const struct api *api)
{
    return serve_address(api->serve);
}

void api_drain(struct api *api)
{
    serve_drain(api->serve);
}

void api_close(struct api **out)
{
    struct api *api = *out;
    if (!api)
        return;
    serve_close(&api->serve);
    buf_free(&api->fields);
    buf_free(&api->ignored);
    free(api);
    *out = NULL;
}
