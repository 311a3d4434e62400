/* SPDX-License-Identifier: MIT */
/* Pooled connections that were used again, out of run.db. */
#ifndef TAILGATE_LAB_READ_REUSES_READ_H
#define TAILGATE_LAB_READ_REUSES_READ_H

#include "lab/analysis/idle_race.h"
#include "lib/base/result.h"

struct sqlite3;

struct reuses {
    struct reuse *items;
    size_t count;
    size_t unknown; /* uses whose one before is not in the records */
};

/* Adds those of a variant, the warm-up's too: a connection is idle from the end of one try on it to
 * the start of the next. Zero `reuses` before the first; free with reuses_free, whatever the
 * result. */
enum result reuses_read(struct reuses *reuses, struct sqlite3 *db, int64_t variant,
                        struct error *error) MUST_USE;
void reuses_free(struct reuses *reuses);

#endif
