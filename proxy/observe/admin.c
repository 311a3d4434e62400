/* SPDX-License-Identifier: MIT */
#include "proxy/observe/admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log_pace.h"
#include "lib/serve/guard.h"
#include "lib/serve/serve.h"
#include "proxy/observe/admin_faults.h"
#include "proxy/observe/dns_metrics.h"
#include "proxy/observe/endpoint_metrics.h"
#include "proxy/observe/fault_metrics.h"
#include "proxy/observe/flow_metrics.h"
#include "proxy/observe/latency.h"
#include "proxy/process/descriptors.h"
#include "proxy/process/proxy.h"

/* Of a call about faults. */
#define BODY_LIMIT ((size_t)64 << 10)

/* Between two lines of the log about calls that were refused. */
#define REFUSALS_APART duration_s(1)

struct admin {
    struct proxy *proxy;
    struct serve *serve;
    struct guard guard; /* of what changes something */
    struct arena arena; /* its texts */
    bool is_open;       /* to other machines, without a token */
    struct log_pace refusals;
    struct buf text;   /* the answer being written */
    struct buf fields; /* its header fields */
};

struct counter_row {
    const char *name;
    const char *meaning;
};
#define COUNTER_ROW(id, counter_name, text) [COUNTER_##id] = {counter_name, text},
static const struct counter_row counter_rows[COUNTER_COUNT] = {COUNTERS(COUNTER_ROW)};

static uint64_t sum_at(const struct proxy *proxy, size_t offset)
{
    uint64_t total = 0;
    for (size_t i = 0; i < proxy->worker_count; i++) {
        const char *counters = (const char *)&proxy->workers[i].counters;
        total += counter_read((const _Atomic uint64_t *)(const void *)(counters + offset));
    }
    return total;
}

static void write_family(struct buf *out, const char *name, const char *meaning)
{
    buf_printf(out, "# HELP tailgate_%s %s\n# TYPE tailgate_%s counter\n", name, meaning, name);
}

static void write_plain(struct buf *out, const char *name, const char *meaning, uint64_t value)
{
    write_family(out, name, meaning);
    buf_printf(out, "tailgate_%s %llu\n", name, (unsigned long long)value);
}

static void write_statuses(struct buf *out, const struct proxy *proxy)
{
    write_family(out, "responses_total", "requests by the status that was sent");
    for (size_t status = 0; status < STATUS_SLOTS; status++) {
        uint64_t value =
            sum_at(proxy, offsetof(struct counters, status) + status * sizeof(_Atomic uint64_t));
        if (value)
            buf_printf(out, "tailgate_responses_total{status=\"%zu\"} %llu\n", status,
                       (unsigned long long)value);
    }
}

static void write_causes(struct buf *out, const struct proxy *proxy)
{
    write_family(out, "failures_total", "requests that failed, by cause");
    for (size_t cause = CAUSE_NONE + 1; cause < CAUSE_COUNT; cause++) {
        uint64_t value =
            sum_at(proxy, offsetof(struct counters, cause) + cause * sizeof(_Atomic uint64_t));
        buf_printf(out, "tailgate_failures_total{cause=\"%s\"} %llu\n",
                   cause_row((enum cause)cause)->name, (unsigned long long)value);
    }
}

static void write_metrics(struct buf *out, const struct proxy *proxy)
{
    for (size_t i = 0; i < COUNTER_COUNT; i++)
        write_plain(out, counter_rows[i].name, counter_rows[i].meaning,
                    sum_at(proxy, offsetof(struct counters, of) + i * sizeof(_Atomic uint64_t)));
    write_plain(out, "reloads_total", "configurations taken over while running", proxy->reloads);
    write_plain(out, "reloads_refused_total", "configurations refused while running",
                proxy->reloads_refused);
    write_plain(out, "endpoint_files_refused_total", "files of endpoints refused while running",
                proxy->updates_refused);
    write_statuses(out, proxy);
    write_causes(out, proxy);
    latency_metrics_write(out, proxy);
    endpoint_metrics_write(out, proxy);
    flow_metrics_write(out, proxy);
    fault_metrics_write(out, proxy);
    dns_metrics_write(out, proxy);
    if (!proxy->store)
        return;
    write_plain(out, "records_written_total", "records written",
                record_store_written(proxy->store));
    write_plain(out, "records_dropped_total", "records for which there was no room",
                record_store_dropped(proxy->store));
}

static void write_own(struct buf *out, const struct serve *serve)
{
    write_plain(out, "admin_connections_cut_total",
                "silent connections to the admin address that were closed for want of room",
                serve_counts(serve)->made_room);
}

static int answer_to(struct admin *admin, struct http_span target)
{
    if (http_span_is(target, "/metrics")) {
        write_metrics(&admin->text, admin->proxy);
        write_own(&admin->text, admin->serve);
        return 200;
    }
    if (http_span_is(target, "/ready")) {
        bool serving = atomic_load(&admin->proxy->phase) == WORKER_SERVING;
        buf_append_text(&admin->text, serving ? "ready\n" : "draining\n");
        return serving ? 200 : 503;
    }
    buf_append_text(&admin->text, "Not found: /metrics, /ready and /faults are served here.\n");
    return 404;
}

static void send_answer(struct admin *admin, struct serve_conn *conn, int status,
                        const char *fields)
{
    struct serve_response response = {.fields = fields,
                                      .status = status,
                                      .body = buf_len(&admin->text) ? buf_head(&admin->text) : "",
                                      .length = buf_len(&admin->text)};
    (void)serve_respond(conn, &response);
    serve_end(conn);
}

/* ---- faults */

static const struct guard_refusal *refusal_of(const struct admin *admin,
                                              const struct http_head *head)
{
    static const struct guard_refusal open_to_others = {
        403, "the admin address is open to other machines: set a \"token\" for it, or let it be on "
             "127.0.0.1, [::1] or a unix socket"};
    return admin->is_open ? &open_to_others : guard_check(&admin->guard, head);
}

static void refuse(struct admin *admin, const char *caller, const struct guard_refusal *refusal,
                   struct admin_answer *answer)
{
    char more[LOG_PACE_MORE];
    uint64_t left_out;
    admin_faults_refuse(answer, refusal->status, refusal->text);
    if (log_pace_ask(&admin->refusals, mono_now(), REFUSALS_APART, &left_out))
        log_warn(&admin->proxy->log, caller, "a call about faults was refused with %d%s",
                 refusal->status, log_pace_more(more, left_out));
}

static void call_about_faults(struct admin *admin, struct serve_conn *conn,
                              const struct serve_request *request)
{
    char caller[sizeof("admin ") + SERVE_SUBJECT], subject[SERVE_SUBJECT];
    struct admin_answer answer = {.text = &admin->text};
    const struct guard_refusal *refusal = refusal_of(admin, request->head);
    snprintf(caller, sizeof(caller), "admin %s", serve_subject(conn, subject));
    if (refusal)
        refuse(admin, caller, refusal, &answer);
    else
        admin_faults_call(admin->proxy, request, caller, &answer);
    buf_clear(&admin->fields);
    if (buf_len(&admin->text) > 0)
        buf_append_text(&admin->fields, "Content-Type: application/json\r\n");
    buf_append_text(&admin->fields,
                    "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n");
    if (answer.allow)
        buf_printf(&admin->fields, "Allow: %s\r\n", answer.allow);
    if (answer.status == 401)
        buf_append_text(&admin->fields, "WWW-Authenticate: Bearer\r\n");
    buf_append(&admin->fields, "", 1);
    send_answer(admin, conn, answer.status, buf_head(&admin->fields));
}

static void on_request(void *owner, struct serve_conn *conn, const struct serve_request *request)
{
    struct admin *admin = owner;
    const struct http_head *head = request->head;
    bool reads = http_span_is(head->method, "GET") || http_span_is(head->method, "HEAD");
    buf_clear(&admin->text);
    if (admin_faults_meant(head->target)) {
        call_about_faults(admin, conn, request);
        return;
    }
    int status = reads ? answer_to(admin, head->target) : 405;
    send_answer(admin, conn, status, "Content-Type: text/plain; version=0.0.4\r\n");
}

static void on_progress(void *owner, struct serve_conn *conn, enum serve_progress progress)
{
    /* Every request is ended as it is answered: nothing is waited for. */
}

/* The texts are copied: a reload throws the configuration away, and keeps what this says. */
static void set_guard(struct admin *admin, const struct admin_config *config)
{
    const char *const *hosts = config->hosts.items;
    const char **kept = arena_alloc(&admin->arena, config->hosts.count * sizeof(*kept));
    for (size_t i = 0; i < config->hosts.count; i++)
        kept[i] = arena_text(&admin->arena, hosts[i], strlen(hosts[i]));
    const char *token = config->token;
    admin->guard = (struct guard){
        .address = arena_text(&admin->arena, config->address, strlen(config->address)),
        .token = token ? arena_text(&admin->arena, token, strlen(token)) : NULL,
        .hosts = kept,
        .host_count = config->hosts.count,
    };
    admin->is_open = !token && !guard_is_local(config->address);
}

enum result admin_open(struct admin **admin, struct proxy *proxy, const struct admin_config *config,
                       struct error *error)
{
    static const struct serve_calls calls = {.handle = on_request, .progress = on_progress};
    static const struct serve_options options = {.max_connections = 64,
                                                 .makes_room = true,
                                                 .reserve = DESCRIPTORS_KEPT,
                                                 .keepalive = {60 * NS_PER_S},
                                                 .stall = {5 * NS_PER_S},
                                                 .body_limit = BODY_LIMIT};
    struct address where;
    if (!address_parse(&where, config->address))
        return error_set(error, FAILED_INPUT, "\"%s\" is not an address", config->address);
    *admin = mem_alloc(1, sizeof(**admin));
    (*admin)->proxy = proxy;
    set_guard(*admin, config);
    enum result result = serve_open(&(*admin)->serve, &proxy->loop, &where, &options, &calls,
                                    *admin, &proxy->log, error);
    if (result != OK) {
        arena_free(&(*admin)->arena);
        free(*admin);
        *admin = NULL;
        return result;
    }
    char text[ADDRESS_TEXT];
    address_format(serve_address((*admin)->serve), text, sizeof(text));
    log_info(&proxy->log, NULL, "admin: /metrics on %s", text);
    return OK;
}

void admin_close(struct admin **admin)
{
    if (!*admin)
        return;
    serve_close(&(*admin)->serve);
    buf_free(&(*admin)->text);
    buf_free(&(*admin)->fields);
    arena_free(&(*admin)->arena);
    free(*admin);
    *admin = NULL;
}
