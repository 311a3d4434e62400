/* SPDX-License-Identifier: MIT */
/* The queries behind lab/read/evidence.h, and where their columns stand. */
#ifndef TAILGATE_LAB_READ_EVIDENCE_ROWS_H
#define TAILGATE_LAB_READ_EVIDENCE_ROWS_H

#define CLIENT "SELECT trace_id FROM client WHERE rowid = ?1"
enum client_column { CLIENT_TRACE };

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

/* What is asked of every try, and of a try that matters besides. */
#define TRY                                                                              \
    "started_ns, trace_id, endpoint, connect_ns, tls_ns, send_ns, wait_ns, receive_ns, " \
    "total_ns, outcome, late_ns, listened_ns"
#define ATTEMPTS "SELECT variant, round, rowid, " TRY " FROM attempt"
#define ATTEMPT                                                                         \
    "SELECT variant, round, rowid, " TRY ", number, upstream, backend_queue_ns, "       \
    "backend_lock_ns, backend_work_ns, backend_gc_ns, backend_cleanup_ns, faults FROM " \
    "attempt WHERE rowid = ?1"
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

#define STATES "SELECT variant, round, at_ns, kind, subject FROM state"
enum state_column { STATE_AT = 2, STATE_KIND_NAME, STATE_SUBJECT };

#endif
