/* SPDX-License-Identifier: MIT */
/* Errors of a reading, and where they are. */
#include "lib/conf/read.h"

struct conf_place conf_read_place(const struct conf_read *read, const cJSON *item)
{
    const struct conf_place *place = item ? conf_doc_place(read->doc, item) : NULL;
    for (const struct conf_frame *frame = read->frame; frame && !place; frame = frame->outer)
        place = conf_doc_place(read->doc, frame->item);
    return place ? *place : (struct conf_place){0};
}

enum result conf_fail(struct conf_read *read, const struct cJSON *item, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    enum result result =
        conf_doc_fail(read->doc, conf_read_place(read, item).value, read->error, format, args);
    va_end(args);
    return result;
}

enum result conf_fail_key(struct conf_read *read, const cJSON *item, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    enum result result =
        conf_doc_fail(read->doc, conf_read_place(read, item).key, read->error, format, args);
    va_end(args);
    return result;
}
