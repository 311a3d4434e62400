/* SPDX-License-Identifier: MIT */
/* What the records of one round say, as arrays for the analysis: read from run.db in one pass over
 * each table, round after round in the order in which they were added. */
#ifndef TAILGATE_LAB_EVIDENCE_H
#define TAILGATE_LAB_EVIDENCE_H

#include "lab/analysis/stalls.h"
#include "lab/query.h"

/* Texts by number. */
struct evidence_names {
    char **items;
    size_t count, last; /* last: the one that was asked for most recently */
};

struct evidence {
    int64_t variant, round;
    struct evidence_names endpoints; /* addresses, as struct stall_wait numbers them */
    struct stall_wait *waits;
    size_t wait_count, wait_capacity;
};

/* The open passes. */
struct evidence_source {
    struct query_cursor attempts;
};

/* Close with evidence_close, whatever the result. */
enum result evidence_open(struct evidence_source *source, struct sqlite3 *db,
                          struct error *error) MUST_USE;
void evidence_close(struct evidence_source *source);

/* Reads the next round. Release with evidence_free, whatever the result. */
enum result evidence_read(struct evidence *evidence, struct evidence_source *source,
                          int64_t variant, int64_t round, struct error *error) MUST_USE;
void evidence_free(struct evidence *evidence);

/* The number of a text, which is added when it is new. */
uint32_t evidence_name(struct evidence_names *names, const char *text);

#endif
