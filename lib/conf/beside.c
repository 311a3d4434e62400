/* SPDX-License-Identifier: MIT */
/* Files that a configuration names and whose content belongs to it. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/buf.h"
#include "lib/conf/message.h"
#include "lib/conf/read.h"

#define LARGEST_FILE (INT64_C(16) << 20)

static const char *resolve(const struct conf_read *read, const char *path)
{
    const char *slash = strrchr(read->doc->name, '/');
    if (path[0] == '/' || !slash)
        return path;
    struct buf full = {0};
    buf_append(&full, read->doc->name, (size_t)(slash - read->doc->name) + 1);
    buf_append_text(&full, path);
    const char *kept = arena_text(read->arena, buf_head(&full), buf_len(&full));
    buf_free(&full);
    return kept;
}

/* Nothing but a plain file: a terminal or a pipe would make the reader wait. */
enum result conf_read_beside(struct conf_read *read, const struct cJSON *item, const char *path,
                             struct buf *text, const char **full)
{
    struct stat about;
    char name[CONF_QUOTE];
    *full = resolve(read, path);
    conf_quote(name, *full);
    if (stat(*full, &about) != 0)
        return conf_fail(read, item,
                         "cannot replay %s: %s (expected a file beside the configuration)", name,
                         strerror(errno));
    if (!S_ISREG(about.st_mode) || about.st_size > LARGEST_FILE)
        return conf_fail(read, item, "cannot replay %s (expected a plain file of at most 16MiB)",
                         name);
    struct error why;
    if (buf_read_file(text, *full, &why) != OK)
        return conf_fail(read, item, "%s (expected a file that can be read)", why.text);
    return OK;
}

enum result conf_fail_beside(struct conf_read *read, const char *full, const char *text,
                             size_t offset, const char *what)
{
    return conf_message(read->error, full, text, offset, what);
}
