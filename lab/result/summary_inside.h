/* SPDX-License-Identifier: MIT */
/* What the processes of a run say of themselves: the backends' Server-Timing, and CPU time. */
#ifndef TAILGATE_LAB_RESULT_SUMMARY_INSIDE_H
#define TAILGATE_LAB_RESULT_SUMMARY_INSIDE_H

#include "lab/result/summary.h"

/* Reads the figures of a variant's round, or of all rounds (-1). */
enum result summary_inside_read(struct inside_figures *inside, size_t variant, int64_t round,
                                struct sqlite3 *db, struct error *error) MUST_USE;

#endif
