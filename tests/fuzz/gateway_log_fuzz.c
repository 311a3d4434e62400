/* SPDX-License-Identifier: MIT */
/* The reader of other gateways' logs on any lines. The first byte says whose they are. Every line
 * is counted as one thing, and what is read of one stays within its bounds. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lab/read/gateway_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) ((condition) ? (void)0 : abort())

static void check_entry(const struct gateway_log_entry *entry)
{
    char text[256];
    MUST(entry->status >= 0 && entry->status < 1000);
    MUST(entry->tries >= 0 && entry->causes.count <= GATEWAY_CAUSES);
    MUST(strlen(gateway_causes_text(&entry->causes, text, sizeof(text))) > 0);
    MUST(memchr(entry->upstream, '\0', sizeof(entry->upstream)) != NULL);
    MUST(memchr(entry->reason, '\0', sizeof(entry->reason)) != NULL);
    for (const char *at = entry->reason; *at; at++)
        MUST((unsigned char)*at >= ' ');
}

/* From a copy of exactly these bytes, so that reading past the end is seen. */
static void take_line(struct gateway_log_reader *reader, const uint8_t *line, size_t length)
{
    struct gateway_log_entry entry;
    char *copy = malloc(length ? length : 1);
    MUST(copy != NULL);
    memcpy(copy, line, length);
    if (gateway_log_take(reader, copy, length, &entry))
        check_entry(&entry);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct gateway_log_reader *reader = gateway_log_reader_new(
        (enum gateway_log_format)(data[0] % GATEWAY_LOG_COUNT), data[0] & 0x80);
    for (size_t at = 1; at < size;) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t length = end ? (size_t)(end - data) - at : size - at;
        take_line(reader, data + at, length);
        at += length + 1;
    }
    MUST(reader->lines ==
         reader->requests + reader->messages + reader->others + reader->not_understood);
    MUST(reader->untraced <= reader->requests);
    gateway_log_reader_free(&reader);
    return 0;
}
