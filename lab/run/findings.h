/* SPDX-License-Identifier: MIT */
/* What the analysis finds in the records of a run, as further tables of its database. NULL means
 * that something is not known or was not reached.
 *
 * stall, one row for each stall seen from outside (lab/analysis/stalls.h):
 *     variant, round
 *     endpoint       NULL for a stall of the gateway itself
 *     scope          what stood still: endpoint, common, gateway, unclear
 *     began_ns       the expected moment, ended_ns the first move behind it
 *     began_after_ns the last move before it
 *     open           1: its end was not seen
 *     held, given_up, together    requests in it; those that did not wait for its end; those that
 *                    moved at its end
 *     surprise, confidence        how improbable it is that nothing stood still
 *
 * blame, one row for each measured request that failed in the gateway or had no whole answer, and
 * one for each of the slowest 1 % of those that were answered (lab/analysis/blame.h):
 *     variant, round, trace_id
 *     part           failed: in the gateway; client: for the client alone; slow
 *     ended_ns, total_ns          in the gateway; as the client saw it, when the gateway has no
 *                    record
 *     latency_ns     as the client saw it
 *     cause, status  as the gateway says
 *     class          what is behind it: exactly one (BLAME_CLASSES)
 *     name, kind, target          the fault, pause or stall
 *     aftermath      1: it met more of what followed that than of it
 *     injected_ns, pause_ns, stall_ns, gateway_ns     what was in force while its tries waited; the
 *                    sum where several were
 *     lock_ns, work_ns, queue_ns, client_ns           as the backend, the gateway, the client say
 *     timeout_ns     how long its last try lasted, when that was given up
 *     true_ns        how long that would have lasted, when it was listened for (late)
 *     would_succeed  whether without the span it would have been answered in time
 *     chain          from what is behind it, by what turned it into a failure, to its cause
 *     verdict        the same as a sentence
 *     error          what became of it, as the client saw it
 *
 * finding_note (variant, text): what the analysis could not do, or may have got wrong.
 */
#ifndef TAILGATE_LAB_RUN_FINDINGS_H
#define TAILGATE_LAB_RUN_FINDINGS_H

#include <stdint.h>

#include "lib/base/result.h"

struct exchanges_reading;

/* Analyses the database of a run, of which the exchanges are being read, and adds the tables to it.
 * `dropped`: records that are missing. */
enum result findings_write(const char *path, struct exchanges_reading *exchanges, uint64_t dropped,
                           struct error *error) MUST_USE;

#endif
