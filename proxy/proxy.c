/* SPDX-License-Identifier: MIT */
#include "proxy/proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "proxy/admin.h"
#include "proxy/descriptors.h"
#include "proxy/secure.h"
#include "proxy/uplink.h"

/* ---- names in records: routes, then upstreams, then every upstream's endpoints */

uint16_t proxy_route_name(const struct proxy *proxy, size_t route)
{
    return (uint16_t)route;
}

uint16_t proxy_upstream_name(const struct proxy *proxy, size_t upstream)
{
    return (uint16_t)(proxy->config->routes.count + upstream);
}

uint16_t proxy_endpoint_name(const struct proxy *proxy, size_t upstream, size_t endpoint)
{
    const struct proxy_config *config = proxy->config;
    const struct upstream_config *upstreams = config->upstreams.items;
    size_t index = config->routes.count + config->upstreams.count + endpoint;
    for (size_t i = 0; i < upstream; i++)
        index += upstreams[i].endpoints.count;
    return (uint16_t)index;
}

static void collect_names(struct proxy *proxy)
{
    const struct proxy_config *config = proxy->config;
    const struct route_config *routes = config->routes.items;
    const struct upstream_config *upstreams = config->upstreams.items;
    size_t count = config->routes.count + config->upstreams.count;
    for (size_t i = 0; i < config->upstreams.count; i++)
        count += upstreams[i].endpoints.count;
    proxy->names = mem_alloc(count, sizeof(*proxy->names));
    for (size_t i = 0; i < config->routes.count; i++)
        proxy->names[proxy->name_count++] = routes[i].name;
    for (size_t i = 0; i < config->upstreams.count; i++)
        proxy->names[proxy->name_count++] = upstreams[i].name;
    for (size_t i = 0; i < config->upstreams.count; i++) {
        const struct endpoint_config *endpoints = upstreams[i].endpoints.items;
        for (size_t j = 0; j < upstreams[i].endpoints.count; j++)
            proxy->names[proxy->name_count++] = endpoints[j].address;
    }
}

/* ---- what workers share */

static enum result parse_address(struct address *address, const char *text, struct error *error)
{
    if (address_parse(address, text))
        return OK;
    return error_set(error, FAILED_INPUT, "\"%s\" is not an address", text);
}

static enum result share_upstream(struct shared_upstream *shared,
                                  const struct upstream_config *config, struct error *error)
{
    const struct endpoint_config *endpoints = config->endpoints.items;
    enum result result = OK;
    shared->endpoint_count = config->endpoints.count;
    shared->endpoints = mem_alloc(shared->endpoint_count, sizeof(*shared->endpoints));
    for (size_t i = 0; i < shared->endpoint_count && result == OK; i++)
        result = parse_address(&shared->endpoints[i].address, endpoints[i].address, error);
    for (size_t i = 0; i < shared->endpoint_count; i++)
        health_init(&shared->endpoints[i].health, &config->health.passive);
    health_group_init(&shared->group, shared->endpoint_count, config->health.panic_threshold);
    return result;
}

static enum result check_listeners(struct proxy *proxy, struct error *error)
{
    const struct listener_config *listeners = proxy->config->listeners.items;
    size_t count = proxy->config->listeners.count;
    enum result result = OK;
    proxy->listening = mem_alloc(count, sizeof(*proxy->listening));
    for (size_t i = 0; i < count && result == OK; i++) {
        result = parse_address(&proxy->listening[i], listeners[i].address, error);
        if (result == OK)
            result = listener_check_free(&proxy->listening[i], error);
    }
    return result;
}

static enum result open_records(struct proxy *proxy, struct error *error)
{
    const struct proxy_config *config = proxy->config;
    const struct record_settings settings = {.folder = config->record,
                                             .process = config->name,
                                             .names = proxy->names,
                                             .name_count = proxy->name_count,
                                             .limit = config->record_limit,
                                             .log = &proxy->log};
    return config->record ? record_store_open(&proxy->store, &settings, error) : OK;
}

static void choose_seed(struct proxy *proxy)
{
    proxy->seed = (uint64_t)proxy->config->seed;
    if (proxy->seed == 0 && getrandom(&proxy->seed, sizeof(proxy->seed), 0) < 0)
        proxy->seed = (uint64_t)wall_now().ns;
}

/* ---- phases */

static void set_phase(struct proxy *proxy, enum worker_phase phase)
{
    atomic_store(&proxy->phase, phase);
    for (size_t i = 0; i < proxy->worker_count; i++)
        worker_wake(&proxy->workers[i]);
}

void proxy_wake_others(struct proxy *proxy, const struct worker *except)
{
    for (size_t i = 0; i < proxy->worker_count; i++)
        if (&proxy->workers[i] != except)
            worker_wake(&proxy->workers[i]);
}

void proxy_wake_idle(struct proxy *proxy, const struct upstream *upstream)
{
    size_t index = (size_t)(upstream - upstream->worker->upstreams);
    for (size_t i = 0; i < proxy->worker_count; i++)
        if (&proxy->workers[i] != upstream->worker &&
            upstream_has_idle(&proxy->workers[i].upstreams[index]))
            worker_wake(&proxy->workers[i]);
}

static void on_stop_signal(void *arg)
{
    struct proxy *proxy = arg;
    if (atomic_load(&proxy->phase) == WORKER_SERVING) {
        log_info(&proxy->log, NULL, "draining: no new connections, requests in flight go on");
        set_phase(proxy, WORKER_DRAINING);
        timer_start(&proxy->drain_deadline, proxy->config->drain);
    } else {
        log_warn(&proxy->log, NULL, "told to stop again: requests in flight are cut short");
        set_phase(proxy, WORKER_STOPPING);
    }
}

static void on_reopen_signal(void *arg)
{
    struct proxy *proxy = arg;
    struct error error;
    if (access_reopen(&proxy->access, &proxy->config->access_log, &error) == OK)
        log_info(&proxy->log, NULL, "the access log is open anew");
    else
        log_error(&proxy->log, NULL, "%s; the old file stays in use", error.text);
}

static void on_drain_deadline(void *arg)
{
    struct proxy *proxy = arg;
    log_warn(&proxy->log, NULL, "the drain deadline has passed: requests in flight are cut short");
    set_phase(proxy, WORKER_STOPPING);
}

static void on_lab_gone(void *arg)
{
    struct proxy *proxy = arg;
    log_error(&proxy->log, NULL, "the experiment that started this gateway is gone: stopping");
    /* Records are in mapped files already; nothing is worth waiting for. */
    _exit(EXIT_SYSTEM);
}

static void on_epoch(void *arg, mono epoch)
{
    struct proxy *proxy = arg;
    log_info(&proxy->log, NULL, "the measured load starts in %.3f s",
             (double)mono_between(mono_now(), epoch).ns / 1e9);
}

void proxy_worker_ended(struct proxy *proxy)
{
    uint64_t one = 1;
    atomic_fetch_sub(&proxy->running, 1);
    ssize_t put = write(proxy->finished_fd, &one, sizeof(one));
    (void)put; /* an eventfd takes far more than there are workers */
}

static void on_worker_ended(void *arg)
{
    struct proxy *proxy = arg;
    uint64_t count;
    if (read(proxy->finished_fd, &count, sizeof(count)) < 0)
        return;
    if (atomic_load(&proxy->running) == 0)
        loop_stop(&proxy->loop);
}

/* ---- starting */

static enum result prepare(struct proxy *proxy, struct error *error)
{
    const struct upstream_config *upstreams = proxy->config->upstreams.items;
    size_t count = proxy->config->upstreams.count;
    enum result result = check_listeners(proxy, error);
    choose_seed(proxy);
    collect_names(proxy);
    proxy->upstreams = mem_alloc(count, sizeof(*proxy->upstreams));
    for (size_t i = 0; i < count && result == OK; i++)
        result = share_upstream(&proxy->upstreams[i], &upstreams[i], error);
    if (result == OK)
        result = access_open(&proxy->access, &proxy->config->access_log, error);
    if (result == OK)
        result = open_records(proxy, error);
    return result;
}

static enum result prepare_workers(struct proxy *proxy, struct error *error)
{
    int64_t asked = proxy->config->workers;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t count = asked > 0 ? (size_t)asked : cores > 0 ? (size_t)cores : 1;
    enum result result = OK;
    proxy->workers = mem_alloc(count, sizeof(*proxy->workers));
    /* Pools and shares are cut by the final number, so it stands before the first is made. */
    proxy->worker_count = count;
    for (size_t i = 0; i < count; i++)
        proxy->workers[i].wake_fd = -1;
    for (size_t i = 0; i < count && result == OK; i++)
        result = worker_init(&proxy->workers[i], proxy, (uint16_t)i, error);
    return result;
}

static enum result prepare_loop(struct proxy *proxy, int control_fd, struct error *error)
{
    enum result result = loop_init(&proxy->loop, false, error);
    if (result != OK)
        return result;
    proxy->finished_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (proxy->finished_fd < 0)
        return error_errno(error, "cannot make an eventfd");
    fd_watch_start(&proxy->finished, &proxy->loop, proxy->finished_fd, on_worker_ended, proxy);
    timer_init(&proxy->drain_deadline, &proxy->loop, on_drain_deadline, proxy);
    signal_watch_start(&proxy->on_term, &proxy->loop, SIGTERM, on_stop_signal, proxy);
    signal_watch_start(&proxy->on_int, &proxy->loop, SIGINT, on_stop_signal, proxy);
    signal_watch_start(&proxy->on_usr1, &proxy->loop, SIGUSR1, on_reopen_signal, proxy);
    if (proxy->config->admin.address)
        result = admin_open(&proxy->admin, proxy, proxy->config->admin.address, error);
    if (result != OK || control_fd < 0)
        return result;
    return control_start(&proxy->control, &proxy->loop, control_fd, on_epoch, on_lab_gone, proxy,
                         error);
}

/* Workers leave signals to the main thread. */
static enum result start_threads(struct proxy *proxy, struct error *error)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int problem = 0;
    for (size_t i = 0; i < proxy->worker_count && problem == 0; i++) {
        struct worker *worker = &proxy->workers[i];
        atomic_fetch_add(&proxy->running, 1);
        problem = pthread_create(&worker->thread, NULL, worker_run, worker);
        if (problem) {
            atomic_fetch_sub(&proxy->running, 1);
            worker->thread = 0;
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = problem;
    return problem ? error_errno(error, "cannot start a thread") : OK;
}

static void say_ready(struct proxy *proxy)
{
    struct buf addresses = {0};
    for (size_t i = 0; i < proxy->config->listeners.count; i++) {
        char text[ADDRESS_TEXT];
        buf_printf(&addresses, "%s%s", i ? " " : "",
                   address_format(&proxy->listening[i], text, sizeof(text)));
    }
    buf_append(&addresses, "", 1);
    log_info(&proxy->log, NULL, "ready: %zu workers listen on %s", proxy->worker_count,
             buf_head(&addresses));
    control_ready(&proxy->control, buf_head(&addresses));
    buf_free(&addresses);
}

/* ---- stopping */

static uint64_t sum(const struct proxy *proxy, enum counter counter)
{
    uint64_t total = 0;
    for (size_t i = 0; i < proxy->worker_count; i++)
        total += counter_read(&proxy->workers[i].counters.of[counter]);
    return total;
}

static void say_goodbye(const struct proxy *proxy)
{
    log_info(&proxy->log, NULL,
             "stopped: %llu requests, %llu attempts, %llu retries, %llu records dropped",
             (unsigned long long)sum(proxy, COUNTER_REQUESTS),
             (unsigned long long)sum(proxy, COUNTER_ATTEMPTS),
             (unsigned long long)sum(proxy, COUNTER_RETRIES),
             (unsigned long long)(proxy->store ? record_store_dropped(proxy->store) : 0));
}

static void release_main_loop(struct proxy *proxy)
{
    if (!proxy->loop.base)
        return;
    control_stop(&proxy->control);
    admin_close(&proxy->admin);
    timer_stop(&proxy->drain_deadline);
    signal_watch_stop(&proxy->on_term);
    signal_watch_stop(&proxy->on_int);
    signal_watch_stop(&proxy->on_usr1);
    if (proxy->finished_fd >= 0) {
        fd_watch_stop(&proxy->finished);
        close(proxy->finished_fd);
    }
    loop_release(&proxy->loop);
}

static void release(struct proxy *proxy)
{
    for (size_t i = 0; i < proxy->worker_count; i++)
        worker_release(&proxy->workers[i]);
    release_main_loop(proxy);
    record_store_close(&proxy->store);
    access_close(&proxy->access);
    for (size_t i = 0; proxy->upstreams && i < proxy->config->upstreams.count; i++)
        free(proxy->upstreams[i].endpoints);
    free(proxy->upstreams);
    free(proxy->listening);
    free(proxy->names);
    free(proxy->workers);
}

static enum result serve(struct proxy *proxy, int control_fd, struct error *error)
{
    enum result result = prepare(proxy, error);
    if (result == OK)
        result = prepare_loop(proxy, control_fd, error);
    if (result == OK)
        result = prepare_workers(proxy, error);
    if (result == OK)
        result = start_threads(proxy, error);
    if (result == OK)
        say_ready(proxy);
    else
        set_phase(proxy, WORKER_STOPPING);
    if (atomic_load(&proxy->running) > 0)
        loop_run(&proxy->loop);
    for (size_t i = 0; i < proxy->worker_count; i++)
        if (proxy->workers[i].thread)
            pthread_join(proxy->workers[i].thread, NULL);
    if (result == OK)
        say_goodbye(proxy);
    return result;
}

static enum result run_config(const struct proxy_config *config, const struct secure *secure,
                              int control_fd, struct error *error)
{
    struct proxy proxy = {
        .config = config, .secure = secure, .access = {.fd = -1}, .finished_fd = -1};
    proxy.control.fd = -1;
    log_init(&proxy.log, config->name, LOG_INFO);
    signal(SIGPIPE, SIG_IGN);
    descriptors_raise(&proxy.log);
    enum result result = serve(&proxy, control_fd, error);
    release(&proxy);
    return result;
}

static void warn(void *arg, const char *message)
{
    fprintf(stderr, "tailgate proxy: warning: %s\n", message);
}

enum exit_status proxy_run(const char *config_path, int control_fd)
{
    struct error error = {{0}};
    struct conf_doc *doc = NULL;
    struct proxy_config config;
    struct secure secure = {0};
    struct arena arena = {0};
    enum result result = conf_doc_read(&doc, config_path, &error);
    if (result == OK)
        result = conf_read(doc, conf_doc_root(doc), &proxy_conf_table, &config, &arena, &error);
    if (result == OK)
        result = secure_build(&secure, doc, &config, &error);
    if (result == OK)
        secure_inspect(doc, &config, warn, NULL);
    if (result == OK)
        result = run_config(&config, &secure, control_fd, &error);
    if (result != OK)
        fprintf(stderr, "tailgate proxy: %s\n", error.text);
    secure_release(&secure);
    conf_doc_free(&doc);
    arena_free(&arena);
    return result_exit_status(result);
}
