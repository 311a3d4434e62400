/* SPDX-License-Identifier: MIT */
/* What the records of one round say, as arrays for the analysis: read from run.db round after round
 * in the order in which they were added. What was exchanged is read by others meanwhile
 * (lab/read/exchanges.h): only of what asks for a verdict the rows are looked up. */
#ifndef TAILGATE_LAB_READ_EVIDENCE_H
#define TAILGATE_LAB_READ_EVIDENCE_H

#include "lab/analysis/blame.h"
#include "lab/read/exchanges.h"
#include "lab/read/keymap.h"
#include "lab/read/names.h"
#include "lab/read/query.h"

struct evidence {
    int64_t variant, round;
    struct names endpoints; /* addresses, as struct stall_wait numbers them */
    struct names upstreams;
    struct names texts;     /* everything else that has a name */
    struct evidence_place { /* which endpoint leads to which process */
        const char *process;
        uint32_t endpoint;
    } * places;
    size_t place_count;

    struct stall_wait *waits;
    size_t wait_count, wait_capacity;
    struct stalls stalls;

    struct evidence_seen { /* each try, until those of the cases are known */
        uint64_t key;
        uint32_t row;
        bool failed;
    } * seen;
    size_t seen_count, seen_capacity;

    struct blame_case *cases;
    size_t case_count, case_capacity;
    struct keymap case_of; /* by trace */
    struct blame_try *tries;
    size_t try_count, try_capacity;
    struct blame_span *spans;
    size_t span_count, span_capacity;
    struct evidence_touch { /* a fault says whom it touched */
        uint32_t touched;   /* the case */
        const char *name;
        uint32_t endpoint;
        int64_t at;
    } * touches;
    size_t touch_count, touch_capacity;
    struct blame_state *states;
    size_t state_count, state_capacity;

    int64_t slower_from;      /* ns: above this it is one of the slowest */
    size_t unknown;           /* failed requests that the generator has no record of */
    size_t timeouts, unheard; /* tries that waited in vain; of these: not listened to any more */
    size_t unanswered;        /* of these: listened to, and not answered for as long */
    int64_t listened;         /* the shortest time that any of them was listened to */
    size_t elsewhere; /* cases that the gateway had while the generator did not wait for them */
    int64_t last;     /* the latest moment of all */
};

/* The open passes, and where single rows are looked up. */
#define EVIDENCE_TABLES 5
struct evidence_source {
    struct query_cursor tables[EVIDENCE_TABLES];
    struct query_cursor client, request, attempt, served; /* by rowid */
};

/* Close with evidence_close, whatever the result. */
enum result evidence_open(struct evidence_source *source, struct sqlite3 *db,
                          struct error *error) MUST_USE;
void evidence_close(struct evidence_source *source);

/* Reads the next round, the one with this number, and finds its stalls. Release with
 * evidence_free, whatever the result. */
enum result evidence_read(struct evidence *evidence, struct evidence_source *source,
                          struct exchanges_reading *exchanges, size_t number,
                          struct error *error) MUST_USE;
void evidence_free(struct evidence *evidence);

/* The book on it, in which everything is judged. It refers to the evidence, which it is released
 * with. */
void evidence_judge(struct evidence *evidence, struct blame_book *book);

#endif
