/* SPDX-License-Identifier: MIT */
/* Pauses that a configuration takes from the log of another program: its keys, and the file. */
#ifndef TAILGATE_CHAOS_FAULT_PAUSE_REPLAY_H
#define TAILGATE_CHAOS_FAULT_PAUSE_REPLAY_H

#include "chaos/fault/pause_line.h"
#include "lib/conf/conf.h"

struct pause_replay {
    const char *file; /* NULL: nothing is replayed */
    int format;       /* enum pause_log_kind, behind one that says "auto" */
    double scale;
    bool loop;
    duration begin;
    const struct schedule_entry *entries; /* of the file, in the reader's arena */
    size_t entry_count;
};

/* As enum pause_log_kind has them, behind the first; NULL-ended. */
extern const char *const pause_replay_formats[];

#define PAUSE_REPLAY_FORMAT(id, name, example, meaning) " \"" name "\": " meaning "."

/* The keys of a table whose struct `owner` has a struct pause_replay as `place`. */
#define PAUSE_REPLAY_KEYS(owner, place)                                                           \
    {.name = "replay",                                                                            \
     .type = CONF_STRING,                                                                         \
     .offset = offsetof(owner, place.file),                                                       \
     .flags = CONF_NOT_EMPTY,                                                                     \
     .meaning = "pause, stop: a file, relative to this one's folder, of the pauses that a "       \
                "program had: they happen again, at their times (counted from \"from\") and for " \
                "as long."},                                                                      \
        {.name = "format",                                                                        \
         .type = CONF_ENUM,                                                                       \
         .offset = offsetof(owner, place.format),                                                 \
         .otherwise = "auto",                                                                     \
         .choices = pause_replay_formats,                                                         \
         .meaning = "What the file is. \"auto\": its first line that says anything "              \
                    "tells." PAUSE_LOGS(PAUSE_REPLAY_FORMAT)},                                    \
        {.name = "scale",                                                                         \
         .type = CONF_SHARE,                                                                      \
         .offset = offsetof(owner, place.scale),                                                  \
         .otherwise = "100%",                                                                     \
         .min = 0.001,                                                                            \
         .max = 1000,                                                                             \
         .meaning = "How long each of the file's pauses takes, compared with what it says."},     \
        {.name = "loop",                                                                          \
         .type = CONF_BOOL,                                                                       \
         .offset = offsetof(owner, place.loop),                                                   \
         .meaning = "The file starts over when its last pause has ended."},                       \
    {                                                                                             \
        .name = "begin", .type = CONF_DURATION, .offset = offsetof(owner, place.begin),           \
        .meaning =                                                                                \
            "What the file has before that time is left out, and its times count from then."      \
    }

/* For a table's check. Without a file, keys that are about one are refused; with one, those of
 * `otherwise` (NULL-ended), which say when and for how long. Reads the file. */
enum result pause_replay_check(struct conf_read *read, struct pause_replay *replay,
                               const struct cJSON *item, const char *const *otherwise) MUST_USE;

#endif
