/* SPDX-License-Identifier: MIT */
/* The queries behind lab/read/evidence.h, and where their columns stand. */
#ifndef TAILGATE_LAB_READ_EVIDENCE_ROWS_H
#define TAILGATE_LAB_READ_EVIDENCE_ROWS_H

#define CLIENTS \
    "SELECT variant, round, trace_id, warmup, intended_ns, done_ns, status, error FROM client"
enum client_column {
    CLIENT_TRACE = 2,
    CLIENT_WARMUP,
    CLIENT_INTENDED,
    CLIENT_DONE,
    CLIENT_STATUS,
    CLIENT_ERROR,
};

#define REQUESTS                                                                       \
    "SELECT variant, round, trace_id, started_ns, upstream, status, cause, queue_ns, " \
    "deliver_ns, total_ns FROM request"
enum request_column {
    REQUEST_TRACE = 2,
    REQUEST_STARTED,
    REQUEST_UPSTREAM,
    REQUEST_STATUS,
    REQUEST_CAUSE,
    REQUEST_QUEUE,
    REQUEST_DELIVER,
    REQUEST_TOTAL,
};

#define ATTEMPTS                                                                              \
    "SELECT variant, round, started_ns, trace_id, number, upstream, endpoint, connect_ns, "   \
    "tls_ns, send_ns, wait_ns, receive_ns, total_ns, outcome, late_ns, listened_ns, "         \
    "backend_queue_ns, backend_lock_ns, backend_work_ns, backend_gc_ns, backend_cleanup_ns, " \
    "faults FROM attempt"
enum attempt_column {
    ATTEMPT_STARTED = 2,
    ATTEMPT_TRACE,
    ATTEMPT_NUMBER,
    ATTEMPT_UPSTREAM,
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
