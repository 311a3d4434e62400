/* SPDX-License-Identifier: MIT */
/* What the load generator and the gateway recorded of each request, brought together: read once,
 * in a thread of its own, for whoever wants figures of a whole run or looks for what is behind its
 * failures. */
#ifndef TAILGATE_LAB_READ_EXCHANGES_H
#define TAILGATE_LAB_READ_EXCHANGES_H

#include <pthread.h>
#include <stdbool.h>

#include "lab/read/names.h"
#include "lib/base/result.h"
#include "lib/record/cause.h"

struct sqlite3;

#define EXCHANGE_NO_ROUTE UINT16_MAX

/* One row of the generator, and the gateway's that has the same trace id. Times are in ns. */
struct exchange {
    int64_t at; /* the intended moment, from the epoch of its round */
    int64_t latency;
    int64_t lag;
    uint16_t status; /* of a complete response; else it means nothing */
    uint16_t gateway_status;
    uint16_t route; /* index into names, or EXCHANGE_NO_ROUTE */
    uint8_t error;  /* enum client_error */
    uint8_t cause;  /* enum cause, as the gateway says */
    bool warmup;
    uint8_t rows; /* of the gateway: one, or none and all of its is zero; more is a mistake */
    uint32_t client, request; /* the rowids of both; 0 when there is none, or it is larger */
};

/* What was under way when the generator was told to stop shows how long others take, and nothing of
 * itself: neither its end nor that it would have failed. It is counted, and left out. */
struct exchange_round {
    int64_t variant, round;
    int64_t epoch, duration;
    struct exchange *items;
    size_t count, capacity;
    uint64_t unfinished[2]; /* left out: of the measured load, of the warm-up */
    uint64_t requests;      /* rows of the gateway */
    uint64_t known;         /* of these the generator has the trace id, unfinished or not */
    uint64_t unknown;       /* of the others: those that failed */
    uint64_t tries;         /* that they say they made */
    uint64_t attempts;      /* rows of tries */
};

struct exchanges {
    struct exchange_round *rounds; /* in the order in which they ran */
    size_t count;
    struct names names;
};

/* What is being read. */
struct exchanges_reading {
    pthread_t thread;
    bool started;
    struct sqlite3 *db;
    struct exchanges exchanges;
    pthread_mutex_t lock; /* for what follows */
    pthread_cond_t moved;
    size_t known; /* so many rounds are there but for their `attempts` */
    bool over;
    enum result result;
    struct error error;
};

/* Finds the rounds of the database at `path`, and starts reading them. End it in any case. */
void exchanges_begin(struct exchanges_reading *reading, const char *path);

/* Waits for a round, all of it but its `attempts`; NULL when reading has failed before. */
const struct exchange_round *exchanges_await(struct exchanges_reading *reading, size_t number,
                                             struct error *error);

/* Waits until everything is read. Free the reading's `exchanges`, whatever the result. */
enum result exchanges_end(struct exchanges_reading *reading, struct error *error) MUST_USE;

void exchanges_free(struct exchanges *exchanges);

/* Whether it is that round of the variant; -1 stands for all rounds. */
static inline bool exchange_round_is(const struct exchange_round *round, size_t variant,
                                     int64_t number)
{
    return round->variant == (int64_t)variant && (number < 0 || round->round == number);
}

static inline bool exchange_answered(const struct exchange *exchange)
{
    return exchange->error == 0;
}

/* Whether the gateway says that it failed there. */
static inline bool exchange_failed(const struct exchange *exchange)
{
    return exchange->rows > 0 &&
           cause_is_gateway_failure((enum cause)exchange->cause, exchange->gateway_status);
}

#endif
