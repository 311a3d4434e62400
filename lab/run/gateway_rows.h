/* SPDX-License-Identifier: MIT */
/* What became of requests behind a gateway that writes no records: its log, and the rows that are
 * made of it, of what the load generator saw, and of what backends served. gateway_log (variant,
 * round, trace_id, line, status, cause, causes, tries, upstream, reason, total_ns): a row for each
 * line about a request; cause: when there is only one. gateway_log_file (variant, round, format,
 * lines, requests, untraced, messages, others, not_understood, example, file, missing); missing:
 * there is no such file
 */
#ifndef TAILGATE_LAB_RUN_GATEWAY_ROWS_H
#define TAILGATE_LAB_RUN_GATEWAY_ROWS_H

#include "lab/run/run_db.h"

extern const char gateway_rows_tables[];

/* Once they are complete. */
extern const char gateway_rows_index[];

/* To be called when the records of a round with such a gateway have been added, and before those of
 * the next. Reads its log into the two tables, and adds a row to `request` for each request that
 * was sent to it: its times are the client's, its tries what the log or the backends have,
 * whichever is more, and its cause the log's; where the generator gave up before it was
 * answered, 499 and client_abort, whatever the gateway came to behind it. A failure without a
 * certain cause is "unknown". */
enum result gateway_rows_add(struct sqlite3 *db, const struct plan *plan,
                             const struct round_facts *facts, struct error *error) MUST_USE;

#endif
