/* SPDX-License-Identifier: MIT */
/* The queries behind lab/read/evidence.h, and where their columns stand. */
#ifndef TAILGATE_LAB_READ_EVIDENCE_ROWS_H
#define TAILGATE_LAB_READ_EVIDENCE_ROWS_H

#include "lab/read/query.h"

#define CLIENT "SELECT trace_id, sent_ns FROM client WHERE rowid = ?1"
enum client_column { CLIENT_TRACE, CLIENT_SENT };

#define REQUEST                                                                           \
    "SELECT trace_id, started_ns, upstream, queue_ns, deliver_ns, total_ns FROM request " \
    "WHERE rowid = ?1"
enum request_column {
    REQUEST_TRACE,
    REQUEST_STARTED,
    REQUEST_UPSTREAM,
    REQUEST_QUEUE,
    REQUEST_DELIVER,
    REQUEST_TOTAL,
};

/* What is asked of every try, and of a try that matters besides. Of one that was never answered,
 * the backend's own record has what its response would have said. */
#define TRY                                                                             \
    "a.variant, a.round, a.rowid, a.started_ns, a.trace_id, a.endpoint, a.connect_ns, " \
    "a.tls_ns, a.send_ns, a.wait_ns, a.receive_ns, a.total_ns, a.outcome, a.late_ns, "  \
    "a.listened_ns"
#define ATTEMPTS "SELECT " TRY " FROM attempt a"
#define ATTEMPT                                                                                \
    "SELECT " TRY ", a.number, a.upstream, ifnull(a.backend_queue_ns, s.queue_ns), "           \
    "ifnull(a.backend_lock_ns, s.lock_ns), ifnull(a.backend_work_ns, s.work_ns), "             \
    "ifnull(a.backend_gc_ns, s.gc_ns), ifnull(a.backend_cleanup_ns, s.cleanup_ns), a.faults, " \
    "s.gave_up "                                                                               \
    "FROM attempt a LEFT JOIN endpoint e ON "                                                  \
    "e.address = a.endpoint AND e.variant = a.variant AND e.round = a.round "                  \
    "LEFT JOIN served s ON s.process = e.process AND " SAME_REQUEST(                           \
        "s",                                                                                   \
        "a") " AND s.started_ns >= a.started_ns WHERE a.rowid = ?1 ORDER BY s.started_ns LIMIT 1"
enum attempt_column {
    ATTEMPT_ROW = 2,
    ATTEMPT_STARTED,
    ATTEMPT_TRACE,
    ATTEMPT_ENDPOINT,
    ATTEMPT_CONNECT,
    ATTEMPT_TLS,
    ATTEMPT_SEND,
    ATTEMPT_WAIT,
    ATTEMPT_RECEIVE,
    ATTEMPT_TOTAL,
    ATTEMPT_OUTCOME,
    ATTEMPT_LATE,
    ATTEMPT_LISTENED,
    ATTEMPT_NUMBER,
    ATTEMPT_UPSTREAM,
    ATTEMPT_BACKEND_QUEUE,
    ATTEMPT_BACKEND_LOCK,
    ATTEMPT_BACKEND_WORK,
    ATTEMPT_BACKEND_GC,
    ATTEMPT_BACKEND_CLEANUP,
    ATTEMPT_FAULTS,
    ATTEMPT_GAVE_UP,
};

/* Who answered a request of the generator, by the row of that. */
#define SERVED                                                                               \
    "SELECT count(*), e.address, c.sent_ns, c.done_ns, s.queue_ns, s.lock_ns, s.work_ns, "   \
    "s.gc_ns, "                                                                              \
    "s.cleanup_ns, s.gave_up FROM client c JOIN served s ON " SAME_REQUEST(                  \
        "s", "c") " JOIN endpoint e ON e.process = s.process AND e.variant = s.variant AND " \
                  "e.round = s.round "                                                       \
                  "WHERE c.rowid = ?1 AND c.sent_ns IS NOT NULL"
enum served_column {
    SERVED_COUNT,
    SERVED_ENDPOINT,
    SERVED_SENT,
    SERVED_DONE,
    SERVED_QUEUE,
    SERVED_LOCK,
    SERVED_WORK,
    SERVED_GC,
    SERVED_CLEANUP,
    SERVED_GAVE_UP,
};

#define PLACES "SELECT variant, round, process, address FROM endpoint"
enum place_column { PLACE_PROCESS = 2, PLACE_ADDRESS };

#define FAULTS_DONE                                                                       \
    "SELECT variant, round, process, name, target, kind, started_ns, ended_ns, trace_id " \
    "FROM fault"
enum fault_column {
    FAULT_PROCESS = 2,
    FAULT_NAME,
    FAULT_TARGET,
    FAULT_KIND,
    FAULT_STARTED,
    FAULT_ENDED,
    FAULT_TRACE,
};

#define PAUSES "SELECT variant, round, process, kind, name, started_ns, ended_ns FROM pause"
enum pause_column { PAUSE_PROCESS = 2, PAUSE_KIND, PAUSE_NAME, PAUSE_STARTED, PAUSE_ENDED };

#define STATES "SELECT variant, round, at_ns, kind, subject, value FROM state"
enum state_column { STATE_AT = 2, STATE_KIND_NAME, STATE_SUBJECT, STATE_VALUE };

#endif
