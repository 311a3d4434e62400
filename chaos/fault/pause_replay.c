/* SPDX-License-Identifier: MIT */
#include "chaos/fault/pause_replay.h"

#include <string.h>

#include "chaos/fault/pause_log.h"
#include "lib/base/buf.h"
#include "lib/base/memory.h"

#define FORMAT(id, name, ...) name,
const char *const pause_replay_formats[] = {"auto", PAUSE_LOGS(FORMAT) NULL};
#undef FORMAT

/* Keys that mean something only with a file. */
static const char *const file_keys[] = {"format", "scale", "loop", "begin", NULL};

static enum result refuse_keys(struct conf_read *read, const struct cJSON *item,
                               const char *const *names, const char *why)
{
    for (; *names; names++) {
        const struct cJSON *given = conf_member(item, *names);
        if (given)
            return conf_fail(read, given, "\"%s\" %s", *names, why);
    }
    return OK;
}

static enum result keep_entries(struct conf_read *read, struct pause_replay *replay,
                                struct pause_log *log, const struct cJSON *item)
{
    pause_log_shape(log, replay->begin, replay->scale);
    if (log->count == 0)
        return conf_fail(read, item, "no pause of \"%s\" is left behind \"begin\"", replay->file);
    size_t size = log->count * sizeof(*log->entries);
    struct schedule_entry *entries = arena_alloc(conf_read_arena(read), size);
    memcpy(entries, log->entries, size);
    replay->entries = entries;
    replay->entry_count = log->count;
    return OK;
}

static enum result load(struct conf_read *read, struct pause_replay *replay,
                        const struct cJSON *item)
{
    struct buf text = {0};
    struct pause_log log = {0};
    struct pause_log_problem problem;
    const char *path;
    enum pause_log_kind kind =
        replay->format == 0 ? PAUSE_LOG_COUNT : (enum pause_log_kind)(replay->format - 1);
    enum result result = conf_read_beside(read, item, replay->file, &text, &path);
    if (result == OK && pause_log_read(&log, kind, buf_head(&text), buf_len(&text), &problem))
        result = keep_entries(read, replay, &log, item);
    else if (result == OK)
        result = conf_fail_beside(read, path, buf_head(&text), problem.offset, problem.what);
    pause_log_free(&log);
    buf_free(&text);
    return result;
}

enum result pause_replay_check(struct conf_read *read, struct pause_replay *replay,
                               const struct cJSON *item, const char *const *otherwise)
{
    if (!replay->file)
        return refuse_keys(read, item, file_keys, "is about a file: it needs \"replay\"");
    enum result result =
        refuse_keys(read, item, otherwise,
                    "cannot stand beside \"replay\": the file says when, and for how long");
    return result == OK ? load(read, replay, conf_member(item, "replay")) : result;
}
