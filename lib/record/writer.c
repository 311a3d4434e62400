/* SPDX-License-Identifier: MIT */
/* The writers' side of the store: what runs in the path of a request. */
#include <stdlib.h>
#include <string.h>

#include "lib/record/columns.h"
#include "lib/record/store.h"
#include "lib/record/store_parts.h"

static void use_segment(struct record_writer *writer, struct segment *segment)
{
    struct segment_header *header = segment->header;
    header->sequence = ++writer->sequence;
    writer->current = segment;
    writer->position = (uint8_t *)header + header->data_start;
    writer->end = (uint8_t *)header + segment->size;
}

enum result record_writer_open(struct record_writer **out, struct record_store *store,
                               uint16_t number, struct error *error)
{
    /* Writers do not share cache lines with anything else. */
    struct record_writer *writer = aligned_alloc(CACHE_LINE, sizeof(*writer));
    if (!writer)
        return error_set(error, FAILED_SYSTEM, "no memory for a writer of records");
    memset(writer, 0, sizeof(*writer));
    writer->store = store;
    writer->number = number;
    struct segment *segment = number == 0 ? atomic_exchange(&store->first, NULL) : NULL;
    if (!segment) {
        enum result result =
            store_make_segment(&segment, store, number, &writer->next_number, true, error);
        if (result != OK) {
            free(writer);
            return result;
        }
    }
    use_segment(writer, segment);
    writer->next = atomic_load(&store->writers);
    while (!atomic_compare_exchange_weak(&store->writers, &writer->next, writer))
        ;
    store_wake(store);
    *out = writer;
    return OK;
}

/* The counters have one writing thread: no need for an atomic addition. */
static void count(_Atomic uint64_t *counter)
{
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + 1, memory_order_relaxed);
}

static void drop(struct record_writer *writer, const struct error *why)
{
    if (!writer->dropping) {
        writer->dropping = true;
        writer->dropped_before = atomic_load_explicit(&writer->dropped, memory_order_relaxed);
        log_warn(writer->store->log, NULL, "writer %u drops records from now on: %s",
                 (unsigned)writer->number, why->text);
    }
    count(&writer->dropped);
    count(&writer->current->header->dropped);
}

static void stop_dropping(struct record_writer *writer)
{
    writer->dropping = false;
    uint64_t dropped = atomic_load_explicit(&writer->dropped, memory_order_relaxed);
    log_warn(writer->store->log, NULL, "writer %u records again: %llu records were dropped",
             (unsigned)writer->number, (unsigned long long)(dropped - writer->dropped_before));
}

static void retire(struct record_writer *writer, struct segment *full)
{
    full->next = atomic_load_explicit(&writer->retired, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&writer->retired, &full->next, full,
                                                  memory_order_release, memory_order_relaxed))
        ;
}

/* A spare that was made before the latest names were known is given back unused. */
static struct segment *take_spare(struct record_writer *writer)
{
    struct segment *spare = atomic_load_explicit(&writer->spare, memory_order_acquire);
    if (!spare)
        return NULL;
    atomic_store_explicit(&writer->spare, NULL, memory_order_relaxed);
    uint64_t names = atomic_load_explicit(&writer->store->names_used, memory_order_acquire);
    if (spare->header->name_count == NAMES_COUNT(names))
        return spare;
    retire(writer, spare);
    return NULL;
}

/* Goes on in the next segment; false when there is none and the record is dropped. The spare is
 * normally there. When it is not, the writer makes a segment itself, but only once: while records
 * are being dropped, trying again is the store's thread's business. */
static bool next_segment(struct record_writer *writer)
{
    struct error error;
    struct record_store *store = writer->store;
    /* No smaller record is squeezed in while larger ones are dropped. */
    writer->end = writer->position;
    struct segment *next = take_spare(writer);
    if (!next &&
        (writer->dropping || store_make_segment(&next, store, writer->number, &writer->next_number,
                                                false, &error) != OK)) {
        drop(writer, &error);
        return false;
    }
    if (writer->dropping)
        stop_dropping(writer);
    retire(writer, writer->current);
    use_segment(writer, next);
    store_wake(store);
    return true;
}

void record_writer_renew(struct record_writer *writer)
{
    if (!writer)
        return;
    uint64_t names = atomic_load_explicit(&writer->store->names_used, memory_order_acquire);
    if (writer->current->header->name_count != NAMES_COUNT(names))
        writer->end = writer->position; /* the next record begins the next segment */
}

/* A struct of a record, as words. */
static uint64_t word(const void *record, size_t i)
{
    uint64_t value;
    memcpy(&value, (const char *)record + i * sizeof(value), sizeof(value));
    return value;
}

/* The bytes of it up to the last word that says anything. */
static size_t said(enum record_kind kind, const void *record)
{
    const struct record_blank *blank = record_blank(kind);
    size_t words = blank->size / sizeof(uint64_t);
    while (words > 0 && word(record, words - 1) == word(blank->record, words - 1))
        words--;
    return words * sizeof(uint64_t);
}

bool record_append(struct record_writer *writer, enum record_kind kind, const void *record)
{
    if (!writer)
        return false;
    size_t size = said(kind, record);
    struct segment_entry head = {.kind = (uint16_t)kind, .size = (uint16_t)(sizeof(head) + size)};
    if ((size_t)(writer->end - writer->position) < head.size && !next_segment(writer))
        return false;
    memcpy(writer->position, &head, sizeof(head));
    memcpy(writer->position + sizeof(head), record, size);
    writer->position += head.size;
    struct segment_header *header = writer->current->header;
    atomic_store_explicit(&header->used, (uint64_t)(writer->position - (uint8_t *)header),
                          memory_order_release);
    count(&writer->written);
    return true;
}
