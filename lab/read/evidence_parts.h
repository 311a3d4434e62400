/* SPDX-License-Identifier: MIT */
/* The parts in which a round is read into the evidence, within lab/read/evidence.c. */
#ifndef TAILGATE_LAB_READ_EVIDENCE_PARTS_H
#define TAILGATE_LAB_READ_EVIDENCE_PARTS_H

#include "lab/read/evidence.h"
#include "lib/base/memory.h"

#define EVIDENCE_ADD(evidence, list, one, ...)                                               \
    do {                                                                                     \
        (evidence)->list = mem_room((evidence)->list, (evidence)->one##_count,               \
                                    &(evidence)->one##_capacity, sizeof(*(evidence)->list)); \
        (evidence)->list[(evidence)->one##_count++] = (__VA_ARGS__);                         \
    } while (0)

static inline void evidence_note_moment(struct evidence *evidence, int64_t moment)
{
    evidence->last = moment > evidence->last ? moment : evidence->last;
}

/* A length that may be unknown, as a summand. */
static inline int64_t evidence_known(int64_t length)
{
    return length > 0 ? length : 0;
}

/* The requests of the round that ask for a verdict. */
enum result evidence_choose_cases(struct evidence *evidence, struct evidence_source *source,
                                  const struct exchange_round *round, struct error *error) MUST_USE;

/* What went wrong: rows of the tables endpoint, fault, pause and state. Faults look for the cases
 * that they name, and for the places. */
query_row evidence_take_place, evidence_take_fault, evidence_take_pause, evidence_take_state;

#endif
