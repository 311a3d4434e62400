/* SPDX-License-Identifier: MIT */
#include "lib/record/reader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/memory.h"
#include "lib/record/columns.h"
#include "lib/record/folder.h"
#include "lib/record/segment.h"

/* Segments are read, not mapped: their process may be cutting them to size meanwhile. */

/* What decides the order of the segments. */
struct found {
    char *name;
    int64_t opened;
    uint32_t pid;
    uint32_t sequence;
    uint16_t writer;
    char process[SEGMENT_PROCESS];
};

struct reading {
    const char *folder;
    DIR *dir;
    struct found *found;
    size_t count;
    struct buf content; /* of the current segment, behind its header */
    record_visit *visit;
    void *context;
    uint64_t *dropped;
    struct error *error;
    size_t unreadable;  /* segments that were passed over */
    struct error first; /* why the first of them was */
};

static PRINTF_LIKE(3, 4) enum result
    damaged(struct reading *reading, const char *name, const char *format, ...)
{
    char what[256];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    return error_set(reading->error, FAILED_INPUT, "%s/%s: damaged segment of records: %s",
                     reading->folder, name, what);
}

/* ---- one segment's header */

static enum result read_at(struct reading *reading, const char *name, int fd, void *out, size_t n,
                           uint64_t offset)
{
    size_t done = 0;
    while (done < n) {
        ssize_t got = pread(fd, (char *)out + done, n - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(reading->error, "cannot read %s/%s", reading->folder, name);
        if (got == 0)
            return damaged(reading, name, "it ends after %llu of %llu bytes",
                           (unsigned long long)(offset + done), (unsigned long long)(offset + n));
        done += (size_t)got;
    }
    return OK;
}

static enum result check_version(struct reading *reading, const char *name,
                                 const struct segment_header *header)
{
    if (memcmp(header->magic, SEGMENT_MAGIC, sizeof(header->magic)) != 0)
        return damaged(reading, name, "it does not begin like one");
    if (header->version != SEGMENT_VERSION || header->layout != record_layout_hash())
        return error_set(reading->error, FAILED_INPUT,
                         "%s/%s: these records were written by another version of tailgate (format "
                         "%u, columns %016llx; this one reads format %u, columns %016llx): export "
                         "them with the version that wrote them",
                         reading->folder, name, (unsigned)header->version,
                         (unsigned long long)header->layout, (unsigned)SEGMENT_VERSION,
                         (unsigned long long)record_layout_hash());
    return OK;
}

static enum result check_header(struct reading *reading, const char *name,
                                const struct segment_header *header, uint64_t file_size)
{
    enum result result = check_version(reading, name, header);
    if (result != OK)
        return result;
    uint64_t used = atomic_load_explicit(&header->used, memory_order_relaxed);
    if (used > file_size)
        return damaged(reading, name, "it has %llu bytes and says that %llu are used",
                       (unsigned long long)file_size, (unsigned long long)used);
    if (header->data_start < sizeof(*header) + header->names_size || header->data_start % 8 ||
        used < header->data_start)
        return damaged(reading, name, "its header contradicts itself");
    if (!memchr(header->process, '\0', sizeof(header->process)))
        return damaged(reading, name, "its process has no name");
    return OK;
}

/* Opens the segment and reads its header; `*fd` is -1 when it is gone, which is what happens to the
 * spare segments of a process that ends. */
static enum result open_segment(struct reading *reading, const char *name, int *fd,
                                struct segment_header *header)
{
    *fd = openat(dirfd(reading->dir), name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0 && errno == ENOENT)
        return OK;
    if (*fd < 0)
        return error_errno(reading->error, "cannot open %s/%s", reading->folder, name);
    struct stat st;
    enum result result = read_at(reading, name, *fd, header, sizeof(*header), 0);
    if (result == OK && fstat(*fd, &st) < 0)
        result = error_errno(reading->error, "cannot read %s/%s", reading->folder, name);
    if (result == OK)
        result = check_header(reading, name, header, (uint64_t)st.st_size);
    if (result != OK)
        close(*fd);
    return result;
}

/* ---- one segment's content */

/* Points `names` to the texts behind the header; they must fill their bytes exactly. */
static bool find_names(const struct segment_header *header, const char *bytes, const char **names)
{
    const char *at = bytes, *end = bytes + header->names_size;
    for (size_t i = 0; i < header->name_count; i++) {
        const char *nul = at < end ? memchr(at, '\0', (size_t)(end - at)) : NULL;
        if (!nul)
            return false;
        names[i] = at;
        at = nul + 1;
    }
    return at == end;
}

#define ANY_RECORD(ID, name, COLUMNS) struct name##_record name;
union any_record {
    RECORDS(ANY_RECORD)
};

static enum result visit_entry(struct reading *reading, const char *name,
                               const struct record_source *source,
                               const struct segment_entry *entry, size_t left, uint64_t offset)
{
    if (left < sizeof(*entry) || entry->kind >= RECORD_KIND_COUNT)
        return damaged(reading, name, "no record begins at byte %llu", (unsigned long long)offset);
    const struct record_layout *layout = record_layout((enum record_kind)entry->kind);
    const struct record_blank *blank = record_blank((enum record_kind)entry->kind);
    union any_record record;
    if (entry->size < sizeof(*entry) || entry->size % 8 || entry->size > left ||
        entry->size - sizeof(*entry) > blank->size)
        return damaged(reading, name, "the %s record at byte %llu has a wrong size", layout->name,
                       (unsigned long long)offset);
    const struct column *culprit;
    memcpy(&record, blank->record, blank->size);
    memcpy(&record, entry + 1, entry->size - sizeof(*entry));
    if (!record_is_valid(layout, &record, source->name_count, &culprit))
        return damaged(reading, name, "the %s record at byte %llu has an impossible %s",
                       layout->name, (unsigned long long)offset, culprit->name);
    return reading->visit(reading->context, source, (enum record_kind)entry->kind, &record,
                          reading->error);
}

static enum result visit_entries(struct reading *reading, const char *name,
                                 const struct segment_header *header, size_t size)
{
    const char *bytes = buf_head(&reading->content);
    const char **names = mem_alloc((size_t)header->name_count + 1, sizeof(*names));
    struct record_source source = {.process = header->process,
                                   .pid = header->pid,
                                   .writer = header->writer,
                                   .clock_offset = duration_ns(header->clock_offset),
                                   .names = names,
                                   .name_count = header->name_count};
    enum result result = OK;
    if (!find_names(header, bytes, names))
        result = damaged(reading, name, "its names are cut off");
    size_t at = header->data_start - sizeof(*header);
    while (result == OK && at < size) {
        const struct segment_entry *entry = (const void *)(bytes + at);
        result = visit_entry(reading, name, &source, entry, size - at, sizeof(*header) + at);
        at += result == OK ? entry->size : 0;
    }
    free(names);
    return result;
}

static enum result read_segment(struct reading *reading, const char *name)
{
    int fd;
    struct segment_header header;
    enum result result = open_segment(reading, name, &fd, &header);
    if (result != OK || fd < 0)
        return result;
    uint64_t used = atomic_load_explicit(&header.used, memory_order_relaxed);
    size_t size = (size_t)(used - sizeof(header));
    buf_clear(&reading->content);
    result =
        read_at(reading, name, fd, buf_reserve(&reading->content, size + 1), size, sizeof(header));
    close(fd);
    if (result != OK)
        return result;
    *reading->dropped += atomic_load_explicit(&header.dropped, memory_order_relaxed);
    return visit_entries(reading, name, &header, size);
}

/* ---- the folder */

/* A segment that cannot be read does not keep those behind it from being read. */
static enum result pass_over(struct reading *reading, enum result result)
{
    if (result != FAILED_INPUT)
        return result;
    if (reading->unreadable++ == 0)
        reading->first = *reading->error;
    return OK;
}

static enum result say_unreadable(struct reading *reading)
{
    struct error *error = reading->error;
    if (reading->unreadable == 0)
        return OK;
    if (reading->unreadable == 1)
        return error_set(error, FAILED_INPUT, "%s (all others were read)", reading->first.text);
    return error_set(error, FAILED_INPUT, "%s (%zu more cannot be read, all others were)",
                     reading->first.text, reading->unreadable - 1);
}

static enum result add_found(struct reading *reading, const char *name)
{
    int fd;
    struct segment_header header;
    enum result result = open_segment(reading, name, &fd, &header);
    if (result != OK || fd < 0)
        return result;
    close(fd);
    if (!header.sequence)
        return OK; /* a spare: not written to yet */
    reading->found = mem_grow(reading->found, reading->count + 1, sizeof(*reading->found));
    struct found *found = &reading->found[reading->count++];
    *found = (struct found){.name = mem_text(name),
                            .opened = header.opened,
                            .pid = header.pid,
                            .sequence = header.sequence,
                            .writer = header.writer};
    memcpy(found->process, header.process, sizeof(found->process));
    return OK;
}

static enum result find_segments(struct reading *reading)
{
    reading->dir = opendir(reading->folder);
    if (!reading->dir) {
        int why = errno;
        error_errno(reading->error, "cannot open the folder %s of records", reading->folder);
        return why == ENOENT || why == ENOTDIR ? FAILED_INPUT : FAILED_SYSTEM;
    }
    enum result result = OK;
    struct dirent *entry;
    while (result == OK && (errno = 0, entry = readdir(reading->dir)))
        if (record_is_segment_name(entry->d_name))
            result = pass_over(reading, add_found(reading, entry->d_name));
    if (result == OK && errno)
        result = error_errno(reading->error, "cannot list the folder %s", reading->folder);
    return result;
}

static int compare(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* Processes in the order in which they started, then their writers, then time. */
static int compare_found(const void *left, const void *right)
{
    const struct found *a = left, *b = right;
    int order = compare(a->opened, b->opened);
    if (!order)
        order = strcmp(a->process, b->process);
    if (!order)
        order = compare(a->pid, b->pid);
    if (!order)
        order = compare(a->writer, b->writer);
    return order ? order : compare(a->sequence, b->sequence);
}

enum result record_read_folder(const char *folder, record_visit *visit, void *context,
                               uint64_t *dropped, struct error *error)
{
    struct reading reading = {
        .folder = folder, .visit = visit, .context = context, .dropped = dropped, .error = error};
    enum result result = find_segments(&reading);
    if (reading.count)
        qsort(reading.found, reading.count, sizeof(*reading.found), compare_found);
    for (size_t i = 0; i < reading.count && result == OK; i++)
        result = pass_over(&reading, read_segment(&reading, reading.found[i].name));
    if (result == OK)
        result = say_unreadable(&reading);
    for (size_t i = 0; i < reading.count; i++)
        free(reading.found[i].name);
    free(reading.found);
    buf_free(&reading.content);
    if (reading.dir)
        closedir(reading.dir);
    return result;
}
