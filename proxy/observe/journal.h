/* SPDX-License-Identifier: MIT */
/* Writes down what happened: request and attempt records, transitions, the access log. */
#ifndef TAILGATE_PROXY_OBSERVE_JOURNAL_H
#define TAILGATE_PROXY_OBSERVE_JOURNAL_H

#include "proxy/request/exchange.h"

/* The exchange has ended: fills in the phases and writes its record and its access log line. */
void journal_request(struct exchange *exchange);

/* The access log may want texts of the request's head: keeps them until its line is written. */
void journal_keep_texts(struct exchange *exchange, const struct http_head *head);

/* The current try has ended: fills in what is known of it now. */
void journal_close_attempt(struct exchange *exchange, enum cause outcome, bool retried);
/* Everything is known of a try: writes its record. */
void journal_append_attempt(struct worker *worker, const struct attempt_record *record);

/* What a fault lets go of. */
struct culprit;
struct journal_touched {
    uint16_t endpoint; /* its name */
    uint64_t key;      /* the number of the connection, or what the request was drawn by */
    mono since;
    const struct record_trace *trace; /* of the request; NULL: it is a connection */
};
void journal_touch(const struct culprit *culprit, const struct journal_touched *touched);

void journal_state(struct worker *worker, enum state_kind kind, uint16_t subject, uint64_t value);

/* As journal_state, of something that was so at another moment. */
void journal_state_at(struct worker *worker, mono at, enum state_kind kind, uint16_t subject,
                      uint64_t value);

/* Writes out the access log lines held so far. */
void journal_flush(struct worker *worker);
/* As journal_flush, for the last time. */
void journal_end(struct worker *worker);

#endif
