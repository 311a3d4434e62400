/* SPDX-License-Identifier: MIT */
/* What a pause of a backend is made of: a schedule, or a file that is replayed. */
#include "backend/config.h"

enum result pause_config_check(struct conf_read *read, void *object, const struct cJSON *item)
{
    static const char *const schedule_keys[] = {"every", "duration", NULL};
    struct pause_config *pause = object;
    if (!pause->replay.file && !conf_member(item, "duration"))
        return conf_fail(read, NULL, "a pause lacks \"duration\", or a file to \"replay\"");
    return pause_replay_check(read, &pause->replay, item, schedule_keys);
}
