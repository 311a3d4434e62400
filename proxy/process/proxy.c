/* SPDX-License-Identifier: MIT */
#include "proxy/process/proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "proxy/connection/uplink.h"
#include "proxy/observe/admin.h"
#include "proxy/process/descriptors.h"
#include "proxy/process/premises.h"
#include "proxy/process/privileges.h"
#include "proxy/process/reload.h"
#include "proxy/process/resolution.h"

static enum result open_records(struct proxy *proxy, struct error *error)
{
    const struct proxy_config *config = proxy->config;
    const struct record_settings settings = {.folder = config->record,
                                             .process = config->name,
                                             .names = proxy->names.items,
                                             .name_count = proxy->names.count,
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
    for (size_t i = 0; i < proxy->worker_count; i++)
        if (&proxy->workers[i] != upstream->worker &&
            atomic_load(&upstream->shared->idle[i].count) > 0)
            worker_wake(&proxy->workers[i]);
}

static void on_stop_signal(void *arg)
{
    struct proxy *proxy = arg;
    if (atomic_load(&proxy->phase) == WORKER_SERVING) {
        log_info(&proxy->log, NULL, "draining: no new connections, requests in flight go on");
        notify_stopping(&proxy->notify);
        set_phase(proxy, WORKER_DRAINING);
        timer_start(&proxy->drain_deadline, proxy->config->drain);
        if (atomic_load(&proxy->running) == 0)
            loop_stop(&proxy->loop); /* it still waits for names */
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

static void on_reload_signal(void *arg)
{
    reload_begin(arg);
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
    proxy_faults_start(proxy, epoch);
}

static void send_news(struct proxy *proxy)
{
    uint64_t one = 1;
    ssize_t put = write(proxy->news_fd, &one, sizeof(one));
    (void)put; /* an eventfd takes far more than there are workers */
}

void proxy_worker_ended(struct proxy *proxy)
{
    atomic_fetch_sub(&proxy->running, 1);
    send_news(proxy);
}

void proxy_generation_taken(struct proxy *proxy)
{
    if (atomic_fetch_sub(&proxy->taking, 1) == 1)
        send_news(proxy);
}

void proxy_generation_left(struct proxy *proxy, struct generation *generation)
{
    if (atomic_fetch_sub(&generation->users, 1) == 1)
        send_news(proxy);
}

static void on_news(void *arg)
{
    struct proxy *proxy = arg;
    uint64_t count;
    if (read(proxy->news_fd, &count, sizeof(count)) < 0)
        return;
    reload_look(proxy);
    if (atomic_load(&proxy->running) == 0)
        loop_stop(&proxy->loop);
}

/* ---- starting */

/* Pools and shares are cut by the final number, so it stands before the first is made. */
static void allocate_workers(struct proxy *proxy)
{
    int64_t asked = proxy->config->workers;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    proxy->worker_count = asked > 0 ? (size_t)asked : cores > 0 ? (size_t)cores : 1;
    proxy->workers = mem_alloc(proxy->worker_count, sizeof(*proxy->workers));
    for (size_t i = 0; i < proxy->worker_count; i++)
        proxy->workers[i].wake_fd = -1;
}

/* What needs the privileges that go now, and what must be there before anybody is waited for. */
static enum result prepare(struct proxy *proxy, struct generation *first, struct error *error)
{
    choose_seed(proxy);
    allocate_workers(proxy);
    enum result result = descriptors_raise(proxy->config, proxy->worker_count, &proxy->log, error);
    if (result == OK)
        result = generation_listen(first, proxy, NULL, error);
    if (result == OK)
        result = privileges_drop(proxy->config, &proxy->log, error);
    if (result == OK)
        result = access_open(&proxy->access, &proxy->config->access_log, error);
    return result;
}

static enum result prepare_loop(struct proxy *proxy, struct error *error)
{
    enum result result = loop_init(&proxy->loop, false, error);
    if (result != OK)
        return result;
    proxy->news_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (proxy->news_fd < 0)
        return error_errno(error, "cannot make an eventfd");
    fd_watch_start(&proxy->news, &proxy->loop, proxy->news_fd, on_news, proxy);
    timer_init(&proxy->drain_deadline, &proxy->loop, on_drain_deadline, proxy);
    signal_watch_start(&proxy->on_term, &proxy->loop, SIGTERM, on_stop_signal, proxy);
    signal_watch_start(&proxy->on_int, &proxy->loop, SIGINT, on_stop_signal, proxy);
    signal_watch_start(&proxy->on_usr1, &proxy->loop, SIGUSR1, on_reopen_signal, proxy);
    signal_watch_start(&proxy->on_hup, &proxy->loop, SIGHUP, on_reload_signal, proxy);
    notify_open(&proxy->notify, &proxy->loop, &proxy->log);
    directory_init(&proxy->directory, &proxy->loop, &proxy->log, &resolution_calls, proxy);
    return OK;
}

/* The first generation, once what its names stand for is known. */
static enum result prepare_generation(struct proxy *proxy, struct generation *first,
                                      struct error *error)
{
    enum result result = generation_share(first, error);
    if (result != OK)
        return result;
    generation_activate(first, NULL);
    proxy->generation = first;
    directory_commit(&proxy->directory);
    result = proxy_faults_install(proxy, &first->faults, error);
    if (result == OK)
        result = open_records(proxy, error);
    if (result == OK)
        resolution_note(proxy);
    return result;
}

static enum result open_to_others(struct proxy *proxy, int control_fd, struct error *error)
{
    enum result result = OK;
    reload_watch(proxy);
    if (proxy->config->admin.address)
        result = admin_open(&proxy->admin, proxy, &proxy->config->admin, error);
    if (result != OK || control_fd < 0)
        return result;
    return control_start(&proxy->control, &proxy->loop, control_fd, on_epoch, on_lab_gone, proxy,
                         error);
}

static enum result prepare_workers(struct proxy *proxy, struct error *error)
{
    enum result result = OK;
    for (size_t i = 0; i < proxy->worker_count && result == OK; i++)
        result = worker_init(&proxy->workers[i], proxy, (uint16_t)i, error);
    return result;
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

void proxy_addresses(const struct proxy *proxy, struct buf *out)
{
    for (size_t i = 0; i < proxy->config->listeners.count; i++) {
        char text[ADDRESS_TEXT];
        buf_printf(out, "%s%s", i ? " " : "",
                   address_format(&proxy->generation->listeners[i].bound, text, sizeof(text)));
    }
    buf_append(out, "", 1);
}

static void say_ready(struct proxy *proxy)
{
    struct buf addresses = {0};
    proxy_addresses(proxy, &addresses);
    log_info(&proxy->log, NULL, "ready: %zu worker%s on %s", proxy->worker_count,
             proxy->worker_count == 1 ? " listens" : "s listen", buf_head(&addresses));
    notify_ready(&proxy->notify, buf_head(&addresses));
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
    notify_close(&proxy->notify);
    directory_release(&proxy->directory);
    timer_stop(&proxy->watch);
    timer_stop(&proxy->drain_deadline);
    signal_watch_stop(&proxy->on_term);
    signal_watch_stop(&proxy->on_int);
    signal_watch_stop(&proxy->on_usr1);
    signal_watch_stop(&proxy->on_hup);
    if (proxy->news_fd >= 0) {
        fd_watch_stop(&proxy->news);
        close(proxy->news_fd);
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
    generation_release(&proxy->change.next);
    list_foreach_safe (node, &proxy->generations) {
        struct generation *generation = list_entry(node, struct generation, node);
        generation_release(&generation);
    }
    proxy_faults_release(&proxy->faults);
    names_release(&proxy->names);
    free(proxy->workers);
}

/* Up to the moment before the threads start. A SIGHUP that comes meanwhile is heard after that;
 * after a SIGTERM there is no generation. */
static enum result make_ready(struct proxy *proxy, struct generation *first, int control_fd,
                              struct error *error)
{
    proxy->reloading = true;
    enum result result = prepare(proxy, first, error);
    if (result == OK)
        result = prepare_loop(proxy, error);
    if (result == OK)
        result = resolution_await(proxy, first, error);
    if (result == OK && atomic_load(&proxy->phase) == WORKER_SERVING)
        result = prepare_generation(proxy, first, error);
    if (!proxy->generation) {
        generation_release(&first);
        return result;
    }
    if (result == OK)
        result = open_to_others(proxy, control_fd, error);
    if (result == OK)
        result = prepare_workers(proxy, error);
    proxy->reloading = false;
    return result;
}

/* What has happened while it was made ready comes first. */
static void begin_serving(struct proxy *proxy)
{
    say_ready(proxy);
    if (proxy->reload_again) {
        proxy->reload_again = false;
        reload_begin(proxy);
    }
    reload_answered(proxy, false);
}

static enum result serve(struct proxy *proxy, struct generation *first, int control_fd,
                         struct error *error)
{
    enum result result = make_ready(proxy, first, control_fd, error);
    if (result == OK && proxy->generation)
        result = start_threads(proxy, error);
    if (result != OK)
        set_phase(proxy, WORKER_STOPPING);
    else if (proxy->generation)
        begin_serving(proxy);
    if (atomic_load(&proxy->running) > 0)
        loop_run(&proxy->loop);
    for (size_t i = 0; i < proxy->worker_count; i++)
        if (proxy->workers[i].thread)
            pthread_join(proxy->workers[i].thread, NULL);
    if (result == OK)
        say_goodbye(proxy);
    return result;
}

static enum result run_config(const char *path, struct generation *first, int control_fd,
                              struct error *error)
{
    struct proxy proxy = {.config_path = path,
                          .config = &first->config,
                          .access = {.fd = -1},
                          .control = {.fd = -1},
                          .news_fd = -1};
    list_init(&proxy.generations);
    proxy_faults_init(&proxy.faults, control_fd >= 0);
    log_init(&proxy.log, first->config.name, LOG_INFO);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file at its limit is an error of the write */
    enum result result = serve(&proxy, first, control_fd, error);
    release(&proxy);
    return result;
}

static void warn(void *arg, const char *message)
{
    fprintf(stderr, "tailgate proxy: warning: %s\n", message);
}

static void refuse(void *arg, const char *message)
{
    fprintf(stderr, "tailgate proxy: %s\n", message);
}

enum exit_status proxy_run(const char *config_path, int control_fd)
{
    struct error error = {{0}};
    struct generation *first;
    privileges_confine(control_fd);
    enum result result = generation_read(&first, config_path, &error);
    if (result == OK) {
        result = premises_check(first->doc, &first->config, PREMISES_FILE | PREMISES_MACHINE,
                                refuse, NULL);
        if (result != OK) {
            generation_release(&first);
            return result_exit_status(result);
        }
    }
    if (result == OK) {
        secure_inspect(first->doc, &first->config, warn, NULL);
        result = run_config(config_path, first, control_fd, &error);
    }
    if (result != OK)
        fprintf(stderr, "tailgate proxy: %s\n", error.text);
    return result_exit_status(result);
}
