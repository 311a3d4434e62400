/* SPDX-License-Identifier: MIT */
/* The records of what was injected: one for each connection that a fault touched, written when it
 * lets go of it. */
#ifndef TAILGATE_CHAOS_LINK_JOURNAL_H
#define TAILGATE_CHAOS_LINK_JOURNAL_H

#include "lib/record/store.h"

struct journal {
    struct record_store *store;   /* NULL: nothing is recorded */
    struct record_writer *writer; /* NULL then */
    const struct log *log;
    char **names;
    size_t name_count;
    bool names_spent; /* there are as many as records can tell apart, which was logged */
};

/* `folder` NULL: nothing is recorded. `process` stands in every row. */
enum result journal_open(struct journal *journal, const char *folder, const char *process,
                         const struct log *log, struct error *error) MUST_USE;
void journal_close(struct journal *journal);

/* What a record calls something of that name. */
uint16_t journal_name(struct journal *journal, const char *name);

struct journal_entry {
    uint16_t fault, target; /* names */
    const char *kind;
    uint64_t ordinal;     /* the connection's number on its link, or a request's key */
    uint8_t trace_id[16]; /* of the request; all zero: none */
    duration planned_at, planned_for;
    mono started;
};

/* Records it as ended now. */
void journal_fault(struct journal *journal, const struct journal_entry *entry);

#endif
