/* SPDX-License-Identifier: MIT */
/* The database of a run: the records of every process of every round, marked with their variant and
 * round, and beside them
 *     variant (variant, label, vals, gateway, other, fault)        the values as JSON; the
 * gateway's name, whether it is another program, and what the label says beside it round (variant,
 * round, epoch_ns, started_ns, ended_ns, warmup_ns, duration_ns, complete, busy_share) process
 * (variant, round, process, cpu_s) endpoint (variant, round, process, address)      which endpoint
 * of the gateway leads to it tally   (variant, round, part, what, name, n)    the generator's own
 * count gateway_log, gateway_log_file         what another gateway says: gateway_rows.h outcome a
 * view: client rows with their request and last attempt
 */
#ifndef TAILGATE_LAB_RUN_RUN_DB_H
#define TAILGATE_LAB_RUN_RUN_DB_H

#include "lab/load/tally.h"
#include "lab/plan/plan.h"
#include "lab/run/injection.h"
#include "lib/record/reader.h"

struct run_db;

/* What a round leaves beside its records. */
struct round_facts {
    size_t variant;
    int64_t round;
    mono started, epoch, ended; /* of the load; zero when it never began */
    bool complete;
    double busy_share;
    const struct process_use {
        const char *process;
        double cpu_s;
    } * uses;
    size_t use_count;
    struct injected_list injected;      /* what the lab did to processes */
    struct endpoint_address *addresses; /* of the backends, as the gateway knows them */
    size_t address_count;
    char *gateway_log; /* where another gateway says how requests ended; NULL: nowhere */
};

enum result run_db_open(struct run_db **db, const char *path, const struct plan *plan,
                        const char *started, struct error *error) MUST_USE;

/* Adds a round: the segments in the folder `records`, the facts and the tally (NULL: no load was
 * begun). */
enum result run_db_add_round(struct run_db *db, const char *records,
                             const struct round_facts *facts, const struct tally *tally,
                             struct error *error) MUST_USE;

/* Writes why the run was cut short (NULL: it was not) and how many records were dropped, and
 * commits. Nulls the pointer; harmless on NULL. */
enum result run_db_close(struct run_db **db, const char *problem, struct error *error) MUST_USE;

/* Records that could not be written, over all rounds added. */
uint64_t run_db_dropped(const struct run_db *db);

#endif
