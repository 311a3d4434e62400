/* SPDX-License-Identifier: MIT */
#include "lab/report/report_page.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/buf.h"

/* The template, from report_template.S. */
extern const char report_template[], report_template_end[];

static const char placeholder[] = "/*TAILGATE_DATA*/";

static void write_bytes(FILE *file, const char *from, const char *to)
{
    fwrite(from, 1, (size_t)(to - from), file);
}

/* In JSON a '<' stands only within a string, where an escape means the same. */
static void write_json(FILE *file, const char *json, size_t length)
{
    const char *end = json + length;
    for (const char *next; (next = memchr(json, '<', (size_t)(end - json))); json = next + 1) {
        write_bytes(file, json, next);
        fputs("\\u003c", file);
    }
    write_bytes(file, json, end);
}

/* Errors of the single writes are left to ferror() at the end. */
static void write_page(FILE *file, const char *json, size_t length)
{
    const char *hole = memmem(report_template, (size_t)(report_template_end - report_template),
                              placeholder, sizeof placeholder - 1);
    if (!hole)
        abort(); /* the page's build refuses to make a template without it */
    write_bytes(file, report_template, hole);
    write_json(file, json, length);
    write_bytes(file, hole + sizeof placeholder - 1, report_template_end);
}

static bool write_file(const char *path, const char *json, size_t length)
{
    FILE *file = fopen(path, "we");
    if (!file)
        return false;
    write_page(file, json, length);
    bool written = fflush(file) == 0 && !ferror(file);
    int why = errno;
    bool closed = fclose(file) == 0;
    if (!written)
        errno = why;
    return written && closed;
}

enum result report_page_write(const char *path, const char *json, size_t length,
                              struct error *error)
{
    struct buf part = {0}; /* beside the page, so that it can be renamed to it */
    buf_printf(&part, "%s.%ld.part", path, (long)getpid());
    enum result result = OK;
    if (!write_file(buf_head(&part), json, length) || rename(buf_head(&part), path) != 0) {
        result = error_errno(error, "cannot write the report page %s", path);
        unlink(buf_head(&part));
    }
    buf_free(&part);
    return result;
}
