/* SPDX-License-Identifier: MIT */
#include "lib/record/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/memory.h"
#include "lib/record/columns.h"

#define NEW_SUFFIX ".new"

uint64_t segment_data_start(const struct segment_plan *plan)
{
    return (sizeof(struct segment_header) + plan->names_size + 7) / 8 * 8;
}

/* Opens a file under the first free number. Whoever holds NAME.new owns NAME, so that looking for
 * an older NAME after making NAME.new leaves no gap for another process. */
static int open_new(const struct segment_plan *plan, uint16_t writer, _Atomic uint32_t *number,
                    char *name, size_t size)
{
    for (;;) {
        uint32_t n = atomic_fetch_add_explicit(number, 1, memory_order_relaxed);
        snprintf(name, size, "%s-%u-%u-%u" SEGMENT_SUFFIX NEW_SUFFIX, plan->process,
                 (unsigned)plan->pid, (unsigned)writer, (unsigned)n);
        int fd =
            openat(plan->folder, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
        if (fd < 0 && errno == EEXIST)
            continue;
        if (fd < 0)
            return -1;
        struct stat st;
        char *suffix = name + strlen(name) - strlen(NEW_SUFFIX);
        *suffix = '\0';
        bool taken = fstatat(plan->folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
        *suffix = NEW_SUFFIX[0];
        if (!taken)
            return fd;
        unlinkat(plan->folder, name, 0);
        close(fd);
    }
}

/* 0 or an errno. The limit on file sizes is looked at first because exceeding it raises SIGXFSZ. */
static int allocate(int fd, uint64_t size)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < size)
        return EFBIG;
    int failure;
    do
        failure = posix_fallocate(fd, 0, (off_t)size);
    while (failure == EINTR);
    return failure;
}

static void bring_into_memory(void *map, uint64_t size)
{
#ifdef MADV_POPULATE_WRITE
    if (madvise(map, size, MADV_POPULATE_WRITE) == 0)
        return;
#endif
    volatile char *bytes = map;
    for (uint64_t at = 0; at < size; at += 4096)
        bytes[at] = 0;
}

static void fill_header(struct segment_header *header, const struct segment_plan *plan,
                        uint16_t writer)
{
    memcpy(header->magic, SEGMENT_MAGIC, sizeof(header->magic));
    header->version = SEGMENT_VERSION;
    header->pid = plan->pid;
    header->layout = record_layout_hash();
    header->clock_offset = plan->clock_offset.ns;
    header->opened = plan->opened.ns;
    header->data_start = segment_data_start(plan);
    header->names_size = plan->names_size;
    header->name_count = plan->name_count;
    header->writer = writer;
    snprintf(header->process, sizeof(header->process), "%s", plan->process);
    if (plan->names_size)
        memcpy(header + 1, plan->names, plan->names_size);
    atomic_store_explicit(&header->used, header->data_start, memory_order_release);
}

/* Allocates, maps and fills the new file and gives it its final name; false with errno set. */
static bool make_ready(struct segment *segment, const struct segment_plan *plan, uint16_t writer,
                       bool prefault)
{
    int failure = allocate(segment->fd, segment->size);
    if (failure) {
        errno = failure;
        return false;
    }
    void *map =
        mmap(NULL, segment->size, PROT_READ | PROT_WRITE, MAP_SHARED, segment->fd, (off_t)0);
    if (map == MAP_FAILED)
        return false;
    segment->header = map;
    if (prefault)
        bring_into_memory(map, segment->size);
    fill_header(segment->header, plan, writer);
    char ready[sizeof(segment->name)];
    snprintf(ready, sizeof(ready), "%.*s", (int)(strlen(segment->name) - strlen(NEW_SUFFIX)),
             segment->name);
    if (renameat(segment->folder, segment->name, segment->folder, ready) < 0)
        return false;
    memcpy(segment->name, ready, sizeof(ready));
    return true;
}

enum result segment_create(struct segment **out, const struct segment_plan *plan, uint16_t writer,
                           _Atomic uint32_t *number, bool prefault, struct error *error)
{
    struct segment *segment = mem_alloc(1, sizeof(*segment));
    segment->size = plan->size;
    segment->folder = plan->folder;
    segment->fd = open_new(plan, writer, number, segment->name, sizeof(segment->name));
    bool ready = segment->fd >= 0 && make_ready(segment, plan, writer, prefault);
    if (!ready) {
        enum result result =
            error_errno(error, "cannot make a segment of %llu bytes for records in %s",
                        (unsigned long long)plan->size, plan->folder_name);
        segment_discard(&segment);
        return result;
    }
    *out = segment;
    return OK;
}

static void let_go(struct segment **segment)
{
    if ((*segment)->header)
        munmap((*segment)->header, (*segment)->size);
    if ((*segment)->fd >= 0)
        close((*segment)->fd);
    free(*segment);
    *segment = NULL;
}

uint64_t segment_finish(struct segment **segment)
{
    if (!*segment)
        return 0;
    struct segment *done = *segment;
    uint64_t used = atomic_load_explicit(&done->header->used, memory_order_relaxed);
    /* A file that cannot be cut is only longer than need be. */
    uint64_t given_back = ftruncate(done->fd, (off_t)used) == 0 ? done->size - used : 0;
    let_go(segment);
    return given_back;
}

void segment_discard(struct segment **segment)
{
    if (!*segment)
        return;
    if ((*segment)->fd >= 0)
        unlinkat((*segment)->folder, (*segment)->name, 0);
    let_go(segment);
}
