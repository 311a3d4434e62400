/* SPDX-License-Identifier: MIT */
/* What a pause of a backend is made of: a schedule, or a file that is replayed. */
#include <string.h>

#include "backend/config.h"
#include "chaos/fault/pause_log.h"
#include "lib/base/buf.h"

/* Keys that mean something only with a file, and only without one. */
static const char *const file_keys[] = {"format", "scale", "loop", "begin"};
static const char *const schedule_keys[] = {"every", "duration"};

static enum result refuse_keys(struct conf_read *read, const struct cJSON *item,
                               const char *const *names, size_t count, const char *why)
{
    for (size_t i = 0; i < count; i++) {
        const struct cJSON *given = conf_member(item, names[i]);
        if (given)
            return conf_fail(read, given, "\"%s\" %s", names[i], why);
    }
    return OK;
}

static enum result keep_entries(struct conf_read *read, struct pause_config *pause,
                                struct pause_log *log, const struct cJSON *item)
{
    pause_log_shape(log, pause->begin, pause->scale);
    if (log->count == 0)
        return conf_fail(read, item, "no pause of \"%s\" is left behind \"begin\"", pause->replay);
    size_t size = log->count * sizeof(*log->entries);
    struct schedule_entry *entries = arena_alloc(conf_read_arena(read), size);
    memcpy(entries, log->entries, size);
    pause->entries = entries;
    pause->entry_count = log->count;
    return OK;
}

static enum result load(struct conf_read *read, struct pause_config *pause,
                        const struct cJSON *item)
{
    struct buf text = {0};
    struct pause_log log = {0};
    struct pause_log_problem problem;
    const char *path;
    enum pause_log_kind kind =
        pause->format == 0 ? PAUSE_LOG_COUNT : (enum pause_log_kind)(pause->format - 1);
    enum result result = conf_read_beside(read, item, pause->replay, &text, &path);
    if (result == OK && pause_log_read(&log, kind, buf_head(&text), buf_len(&text), &problem))
        result = keep_entries(read, pause, &log, item);
    else if (result == OK)
        result = conf_fail_beside(read, path, buf_head(&text), problem.offset, problem.what);
    pause_log_free(&log);
    buf_free(&text);
    return result;
}

enum result pause_config_check(struct conf_read *read, void *object, const struct cJSON *item)
{
    struct pause_config *pause = object;
    if (!pause->replay && !conf_member(item, "duration"))
        return conf_fail(read, NULL, "a pause lacks \"duration\", or a file to \"replay\"");
    if (!pause->replay)
        return refuse_keys(read, item, file_keys, ARRAY_LEN(file_keys),
                           "is about a file: it needs \"replay\"");
    enum result result =
        refuse_keys(read, item, schedule_keys, ARRAY_LEN(schedule_keys),
                    "cannot stand beside \"replay\": the file says when, and for how long");
    return result == OK ? load(read, pause, conf_member(item, "replay")) : result;
}
