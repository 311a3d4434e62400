/* SPDX-License-Identifier: MIT */
#include "lib/record/store.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/memory.h"
#include "lib/base/units.h"
#include "lib/record/segment.h"
#include "lib/record/store_parts.h"

#define PAGE                 4096
#define SEGMENT_SIZE_DEFAULT (UINT64_C(4) << 20)
#define RETRY_MS             100

/* ---- segments and their space */

/* In whole pages, with room for at least one page of entries behind the names. */
static uint64_t at_least_a_page(const struct segment_plan *plan, uint64_t size)
{
    uint64_t least = segment_data_start(plan) + PAGE;
    if (size < least)
        size = least;
    return (size + PAGE - 1) / PAGE * PAGE;
}

static struct segment_plan current_plan(const struct record_store *store)
{
    struct segment_plan plan = store->plan;
    uint64_t used = atomic_load_explicit(&store->names_used, memory_order_acquire);
    plan.names = store->names;
    plan.names_size = NAMES_SIZE(used);
    plan.name_count = NAMES_COUNT(used);
    plan.size = at_least_a_page(&plan, plan.size);
    return plan;
}

enum result store_make_segment(struct segment **segment, struct record_store *store,
                               uint16_t writer, _Atomic uint32_t *number, bool prefault,
                               struct error *error)
{
    struct segment_plan plan = current_plan(store);
    uint64_t size = plan.size;
    uint64_t before = atomic_fetch_add(&store->bytes, size);
    enum result result;
    if (store->limit && before + size > store->limit) {
        char limit[32], taken[32];
        result = error_set(error, FAILED_SYSTEM,
                           "the records in %s have reached their limit: %s of %s are taken and a "
                           "segment is %llu bytes",
                           store->folder_name, units_format_size(taken, sizeof(taken), before),
                           units_format_size(limit, sizeof(limit), store->limit),
                           (unsigned long long)size);
    } else {
        result = segment_create(segment, &plan, writer, number, prefault, error);
    }
    if (result != OK)
        atomic_fetch_sub(&store->bytes, size);
    return result;
}

static void finish_segment(struct record_store *store, struct segment *segment)
{
    uint64_t given_back = segment->size;
    if (segment->header->sequence == 0)
        segment_discard(&segment); /* its names were out of date before it was used */
    else
        given_back = segment_finish(&segment);
    atomic_fetch_sub(&store->bytes, given_back);
}

/* An eventfd that cannot be written to is already awake. */
void store_wake(struct record_store *store)
{
    uint64_t one = 1;
    ssize_t written = write(store->wake, &one, sizeof(one));
    (void)written;
}

/* ---- the store's thread */

static void finish_retired(struct record_writer *writer)
{
    struct segment *segment =
        atomic_exchange_explicit(&writer->retired, NULL, memory_order_acquire);
    while (segment) {
        struct segment *next = segment->next;
        finish_segment(writer->store, segment);
        segment = next;
    }
}

/* Whether the writer has its spare now. Why it has none is the writer's to report, when it needs
 * one. */
static bool provide_spare(struct record_writer *writer)
{
    if (atomic_load_explicit(&writer->spare, memory_order_relaxed))
        return true;
    struct error error;
    struct segment *segment = NULL;
    if (store_make_segment(&segment, writer->store, writer->number, &writer->next_number, true,
                           &error) != OK)
        return false;
    atomic_store_explicit(&writer->spare, segment, memory_order_release);
    return true;
}

static void *store_thread(void *context)
{
    struct record_store *store = context;
    while (!atomic_load(&store->stopping)) {
        bool provided = true;
        for (struct record_writer *writer = atomic_load(&store->writers); writer;
             writer = writer->next) {
            finish_retired(writer);
            provided &= provide_spare(writer);
        }
        struct pollfd woken = {.fd = store->wake, .events = POLLIN};
        uint64_t count;
        if (poll(&woken, 1, provided ? -1 : RETRY_MS) > 0) {
            ssize_t n = read(store->wake, &count, sizeof(count));
            (void)n;
        }
    }
    return NULL;
}

/* Signals belong to the process's own threads. */
static int start_thread(struct record_store *store)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(&store->thread, NULL, store_thread, store);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    store->thread_runs = failure == 0;
    return failure;
}

/* ---- opening and closing */

/* A small limit makes segments small, so that several writers share it. */
static uint64_t default_size(uint64_t limit)
{
    uint64_t share = limit / 16;
    if (!limit || share > SEGMENT_SIZE_DEFAULT)
        return SEGMENT_SIZE_DEFAULT;
    return share < RECORD_SEGMENT_LEAST ? RECORD_SEGMENT_LEAST : share;
}

enum result record_store_add_names(struct record_store *store, const char *const *names,
                                   size_t count, struct error *error)
{
    uint64_t used = atomic_load_explicit(&store->names_used, memory_order_relaxed);
    size_t size = NAMES_SIZE(used), all = NAMES_COUNT(used) + count;
    for (size_t i = 0; i < count && all < NAME_NONE; i++)
        size += strlen(names[i]) + 1;
    if (all >= NAME_NONE || size > NAMES_ROOM)
        return error_set(error, FAILED_INPUT,
                         "%zu names are too many to record: expected fewer than %u, of %u bytes "
                         "in all",
                         all, (unsigned)NAME_NONE, (unsigned)NAMES_ROOM);
    char *to = store->names + NAMES_SIZE(used);
    for (size_t i = 0; i < count; i++)
        to = stpcpy(to, names[i]) + 1;
    atomic_store_explicit(&store->names_used, NAMES(size, all), memory_order_release);
    return OK;
}

static enum result reserve_names(struct record_store *store, struct error *error)
{
    void *room = mmap(NULL, NAMES_ROOM, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED)
        return error_errno(error, "no address space for the names in records");
    store->names = room;
    return OK;
}

static enum result check_settings(const struct record_settings *settings, struct error *error)
{
    size_t length = strlen(settings->process);
    if (!length || length >= SEGMENT_PROCESS || strchr(settings->process, '/'))
        return error_set(error, FAILED_INPUT,
                         "\"%s\" cannot name the records of a process: expected 1 to %d bytes "
                         "without \"/\"",
                         settings->process, SEGMENT_PROCESS - 1);
    return OK;
}

static enum result open_folder(struct record_store *store, struct error *error)
{
    const char *name = store->folder_name;
    if (mkdir(name, 0750) < 0 && errno != EEXIST)
        return error_errno(error, "cannot make the folder %s for records", name);
    store->plan.folder = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->plan.folder < 0)
        return error_errno(error, "cannot open the folder %s for records", name);
    return OK;
}

static enum result start(struct record_store *store, const struct record_settings *settings,
                         struct error *error)
{
    enum result result = reserve_names(store, error);
    if (result == OK)
        result = record_store_add_names(store, settings->names, settings->name_count, error);
    if (result == OK)
        result = open_folder(store, error);
    if (result != OK)
        return result;
    store->plan.size =
        settings->segment_size ? settings->segment_size : default_size(settings->limit);
    store->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (store->wake < 0)
        return error_errno(error, "cannot make an eventfd for the records' thread");
    _Atomic uint32_t number = 0;
    struct segment *first = NULL;
    result = store_make_segment(&first, store, 0, &number, true, error);
    if (result != OK)
        return result;
    atomic_store(&store->first, first);
    errno = start_thread(store);
    return errno ? error_errno(error, "cannot start the records' thread") : OK;
}

enum result record_store_open(struct record_store **out, const struct record_settings *settings,
                              struct error *error)
{
    enum result result = check_settings(settings, error);
    if (result != OK)
        return result;
    struct record_store *store = mem_alloc(1, sizeof(*store));
    store->folder_name = mem_text(settings->folder);
    store->process = mem_text(settings->process);
    store->limit = settings->limit;
    store->log = settings->log;
    store->wake = -1;
    store->plan = (struct segment_plan){.folder = -1,
                                        .folder_name = store->folder_name,
                                        .process = store->process,
                                        .pid = (uint32_t)getpid(),
                                        .clock_offset = clock_offset(),
                                        .opened = wall_now()};
    result = start(store, settings, error);
    if (result != OK) {
        record_store_close(&store);
        return result;
    }
    *out = store;
    return OK;
}

static void report_dropped(const struct record_store *store)
{
    uint64_t dropped = record_store_dropped(store);
    if (dropped)
        log_warn(store->log, NULL, "%llu records were dropped, %llu were written to %s",
                 (unsigned long long)dropped, (unsigned long long)record_store_written(store),
                 store->folder_name);
}

static void free_writer(struct record_writer *writer)
{
    struct segment *spare = atomic_load(&writer->spare);
    segment_discard(&spare);
    finish_retired(writer);
    finish_segment(writer->store, writer->current);
    free(writer);
}

void record_store_close(struct record_store **out)
{
    struct record_store *store = *out;
    *out = NULL;
    if (!store)
        return;
    if (store->thread_runs) {
        atomic_store(&store->stopping, true);
        store_wake(store);
        pthread_join(store->thread, NULL);
    }
    report_dropped(store);
    struct record_writer *writer = atomic_load(&store->writers);
    while (writer) {
        struct record_writer *next = writer->next;
        free_writer(writer);
        writer = next;
    }
    struct segment *first = atomic_load(&store->first);
    segment_discard(&first);
    if (store->wake >= 0)
        close(store->wake);
    if (store->plan.folder >= 0)
        close(store->plan.folder);
    if (store->names)
        munmap(store->names, NAMES_ROOM);
    free(store->folder_name);
    free(store->process);
    free(store);
}

/* ---- totals */

uint64_t record_store_dropped(const struct record_store *store)
{
    uint64_t sum = 0;
    for (const struct record_writer *writer = atomic_load(&store->writers); writer;
         writer = writer->next)
        sum += atomic_load_explicit(&writer->dropped, memory_order_relaxed);
    return sum;
}

duration record_store_clock_offset(const struct record_store *store)
{
    return store->plan.clock_offset;
}

uint64_t record_store_written(const struct record_store *store)
{
    uint64_t sum = 0;
    for (const struct record_writer *writer = atomic_load(&store->writers); writer;
         writer = writer->next)
        sum += atomic_load_explicit(&writer->written, memory_order_relaxed);
    return sum;
}
