/* SPDX-License-Identifier: MIT */
/* Which faults were injected in a variant, over all its rounds. */
#ifndef TAILGATE_LAB_RESULT_SUMMARY_FAULTS_H
#define TAILGATE_LAB_RESULT_SUMMARY_FAULTS_H

#include <stddef.h>

#include "lib/base/result.h"

struct cJSON;
struct sqlite3;
struct variant;

/* A list of objects, one for each fault and what it was injected into: name, kind, target, by (the
 * process that did it), touched (how often: times, connections or requests, as "unit" says), missed
 * (times that it could not be done, for the process was not there), unended (times that the process
 * had not come back when the load ended), first_s and last_s (from the start of the measured load),
 * and for what is done to processes late_ms (how late it began at most). A fault of the experiment
 * that touched nothing has an entry as well. */
enum result summary_faults_read(struct cJSON **faults, const struct variant *variant, size_t number,
                                struct sqlite3 *db, struct error *error) MUST_USE;

#endif
