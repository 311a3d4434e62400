/* SPDX-License-Identifier: MIT */
/* The table of faults and the table of their parameters. From them come the enum, the keys of the
 * configuration with their checks, the schema, the manual and the attributes of the API. */
#ifndef TAILGATE_CHAOS_FAULT_FAULT_H
#define TAILGATE_CHAOS_FAULT_FAULT_H

#include "chaos/fault/field.h"
#include "chaos/fault/match.h"
#include "lib/base/dist.h"
#include "lib/base/memory.h"
#include "lib/conf/conf.h"

/* What a fault works on. */
#define FAULT_CLASSES(X)                                \
    X(BYTES, "bytes of a connection")                   \
    X(LISTENER, "connections before they carry a byte") \
    X(MESSAGES, "HTTP requests and responses")          \
    X(PROCESSES, "whole processes")

/* Which way bytes travel: to the server, or back to the client. */
#define FAULT_STREAMS(X)        \
    X(UPSTREAM, "upstream")     \
    X(DOWNSTREAM, "downstream") \
    X(BOTH, "both")

/* What is drawn for: whether a fault touches a connection as a whole, or each request. */
#define FAULT_PERS(X)           \
    X(CONNECTION, "connection") \
    X(REQUEST, "request")

/* clang-format off */

/* Identifier, name in the configuration, its type in Toxiproxy's API (NULL: unknown there), class,
 * the stream it works on unless one is asked for, meaning. */
#define FAULTS(X)                                                                                  \
    X(LATENCY, "latency", "latency", BYTES, DOWNSTREAM,                                            \
      "Bytes arrive later, in their order.")                                                       \
    X(BANDWIDTH, "bandwidth", "bandwidth", BYTES, DOWNSTREAM,                                      \
      "Bytes pass at a limited rate.")                                                             \
    X(SLOW_CLOSE, "slow_close", "slow_close", BYTES, DOWNSTREAM,                                   \
      "The end of a stream is passed on late.")                                                    \
    X(TIMEOUT, "timeout", "timeout", BYTES, DOWNSTREAM,                                            \
      "Bytes are lost; the connection is closed after a while, and when the fault is removed.")    \
    X(RESET_PEER, "reset_peer", "reset_peer", BYTES, DOWNSTREAM,                                   \
      "Bytes are held back, and both sides of the connection are reset after a while.")            \
    X(SLICER, "slicer", "slicer", BYTES, DOWNSTREAM,                                               \
      "Bytes pass in small pieces with pauses between them.")                                      \
    X(LIMIT_DATA, "limit_data", "limit_data", BYTES, DOWNSTREAM,                                   \
      "The connection is closed once so many bytes have passed.")                                  \
    X(CORRUPT, "corrupt", NULL, BYTES, DOWNSTREAM,                                                 \
      "Some bytes are changed.")                                                                   \
    X(BLACKHOLE, "blackhole", NULL, BYTES, BOTH,                                                   \
      "Bytes are lost; ends still pass.")                                                          \
    X(IDLE_CLOSE, "idle_close", NULL, BYTES, BOTH,                                                 \
      "The connection is closed once it has been idle for so long: the keep-alive race.")          \
    X(HALF_OPEN, "half_open", NULL, BYTES, BOTH,                                                   \
      "The connection is stale: bytes are lost, and neither side sees the other's end.")           \
    X(REFUSE, "refuse", NULL, LISTENER, BOTH,                                                      \
      "Connections are refused. Where only some are, by their share or number, those are reset "   \
      "as soon as they are accepted: a socket cannot choose.")                                     \
    X(ACCEPT_DELAY, "accept_delay", NULL, LISTENER, BOTH,                                          \
      "Connections wait before they are accepted, as in a backlog that is full.")                  \
    X(NOOP, "noop", "noop", BYTES, DOWNSTREAM,                                                     \
      "Nothing happens.")                                                                          \
    X(DELAY_REQUEST, "delay_request", NULL, MESSAGES, UPSTREAM,                                    \
      "The request goes up later.")                                                                \
    X(DELAY_RESPONSE, "delay_response", NULL, MESSAGES, DOWNSTREAM,                                \
      "The response comes down later.")                                                            \
    X(ABORT, "abort", NULL, MESSAGES, DOWNSTREAM,                                                  \
      "A status in place of the response; the upstream never sees the request, and the "           \
      "connection stays usable.")                                                                  \
    X(EMPTY_RESPONSE, "empty_response", NULL, MESSAGES, DOWNSTREAM,                                \
      "The connection is closed in place of the response's first byte.")                           \
    X(EARLY_REPLY, "early_reply", NULL, MESSAGES, DOWNSTREAM,                                      \
      "A status as soon as the request's head is there; its body is not read, the upstream never " \
      "sees it, and the connection is closed.")                                                    \
    X(TRUNCATE, "truncate", NULL, MESSAGES, DOWNSTREAM,                                            \
      "The connection is closed within the response's body; a shorter body passes whole.")         \
    X(STALL, "stall", NULL, MESSAGES, DOWNSTREAM,                                                  \
      "The response stands still within its body.")                                                \
    X(MALFORMED_CHUNK, "malformed_chunk", NULL, MESSAGES, DOWNSTREAM,                              \
      "A chunk of the response has no size, and the connection is closed behind the response; a "  \
      "body that is not chunked becomes so, and a shorter one passes right.")                      \
    X(MALFORMED_HEAD, "malformed_head", NULL, MESSAGES, DOWNSTREAM,                                \
      "The response's head has a line that is no field.")                                          \
    X(OVERSIZED_HEAD, "oversized_head", NULL, MESSAGES, DOWNSTREAM,                                \
      "The response's head is padded with a long field.")                                          \
    X(WRONG_LENGTH, "wrong_length", NULL, MESSAGES, DOWNSTREAM,                                    \
      "The response's Content-Length is larger or smaller than its body; a response without the "  \
      "field passes unchanged.")                                                                   \
    X(RESPONSE_RATE, "response_rate", NULL, MESSAGES, DOWNSTREAM,                                  \
      "The response's body comes at a limited rate.")                                              \
    X(EDIT_REQUEST, "edit_request", NULL, MESSAGES, UPSTREAM,                                      \
      "Header fields of the request are set, added or removed.")                                   \
    X(EDIT_RESPONSE, "edit_response", NULL, MESSAGES, DOWNSTREAM,                                  \
      "Header fields of the response are set, added or removed.") \
    X(PAUSE, "pause", NULL, PROCESSES, BOTH,                                                       \
      "A backend stands still by itself; any other process is stopped.")                           \
    X(STOP, "stop", NULL, PROCESSES, BOTH,                                                         \
      "The process is stopped by SIGSTOP, and goes on by SIGCONT.")                                \
    X(KILL, "kill", NULL, PROCESSES, BOTH,                                                         \
      "The process is killed by SIGKILL, and started again at its address.")                       \
    X(TERM, "term", NULL, PROCESSES, BOTH,                                                         \
      "The process is told to end by SIGTERM, and started again at its address.")                  \
    X(STEAL_CPU, "steal_cpu", NULL, PROCESSES, BOTH,                                               \
      "A neighbour uses up the cores that the process runs on.")                                   \
    X(STOP_ACCEPTING, "stop_accepting", NULL, PROCESSES, BOTH,                                     \
      "A backend accepts no connection: they wait in its backlog, and get no answer where that "   \
      "is full.")                                                                                  \
    X(DESCRIPTORS, "descriptors", NULL, PROCESSES, BOTH,                                           \
      "The process has no descriptor left: it can accept and open nothing, and goes on with what "   \
      "it has.")

#define FAULT_BIT(id) (UINT64_C(1) << FAULT_##id)

/* The faults on bytes that may also be there for as long as a request is under way. The others are
 * about a connection's end, its idle time, or nothing. */
#define FAULTS_PER_REQUEST                                                                         \
    (FAULT_BIT(LATENCY) | FAULT_BIT(BANDWIDTH) | FAULT_BIT(TIMEOUT) | FAULT_BIT(RESET_PEER) |      \
     FAULT_BIT(SLICER) | FAULT_BIT(LIMIT_DATA) | FAULT_BIT(CORRUPT) | FAULT_BIT(BLACKHOLE))

/* The parameters: member and name, type in the configuration, type in C, default, bounds, the unit of a
 * bare number in the API (a number without a unit is Toxiproxy's), the faults that take it, those of
 * them that cannot do without, meaning. */
#define FAULT_PARAMETERS(X)                                                                        \
    X(latency, CONF_DIST, struct dist, "0", 0, 0, "ms", FAULT_BIT(LATENCY), FAULT_BIT(LATENCY),    \
      "latency: what is added to the time that bytes, and the end behind them, take.")             \
    X(jitter, CONF_DURATION, duration, "0", 0, 0, "ms", FAULT_BIT(LATENCY), 0,                     \
      "latency: this much more or less at most, evenly.")                                          \
    X(rate, CONF_SIZE, uint64_t, "0", 0, 1e15, "KB",                                               \
      FAULT_BIT(BANDWIDTH) | FAULT_BIT(RESPONSE_RATE),                                             \
      FAULT_BIT(BANDWIDTH) | FAULT_BIT(RESPONSE_RATE),                                             \
      "bandwidth, response_rate: bytes a second; 0 = no limit.")                                   \
    X(delay, CONF_DIST, struct dist, "0", 0, 0, "ms",                                              \
      FAULT_BIT(SLOW_CLOSE) | FAULT_BIT(SLICER) | FAULT_BIT(ACCEPT_DELAY) |                        \
          FAULT_BIT(DELAY_REQUEST) | FAULT_BIT(DELAY_RESPONSE),                                    \
      FAULT_BIT(SLOW_CLOSE) | FAULT_BIT(ACCEPT_DELAY) | FAULT_BIT(DELAY_REQUEST) |                 \
          FAULT_BIT(DELAY_RESPONSE),                                                               \
      "slow_close: how late the end is; slicer: the pause behind each piece; accept_delay: how "   \
      "long a connection waits; delay_request, delay_response: how long the message does. For "    \
      "slicer a bare number in the API counts microseconds.")                                      \
    X(timeout, CONF_DIST, struct dist, "0", 0, 0, "ms",                                            \
      FAULT_BIT(TIMEOUT) | FAULT_BIT(RESET_PEER), 0,                                               \
      "timeout, reset_peer: how long after its beginning the connection ends; drawn for each "     \
      "connection. For timeout, 0 = never; for reset_peer, at once.")                              \
    X(average_size, CONF_SIZE, uint64_t, "0", 0, 1e12, "B", FAULT_BIT(SLICER), FAULT_BIT(SLICER),  \
      "slicer: how large a piece is; 0 = not cut.")                                                \
    X(size_variation, CONF_SIZE, uint64_t, "0", 0, 1e12, "B", FAULT_BIT(SLICER), 0,                \
      "slicer: this much smaller or larger at most, evenly.")                                      \
    X(bytes, CONF_SIZE, uint64_t, "0", 0, 1e15, "B",                                               \
      FAULT_BIT(LIMIT_DATA) | FAULT_BIT(TRUNCATE) | FAULT_BIT(STALL) | FAULT_BIT(MALFORMED_CHUNK), \
      FAULT_BIT(LIMIT_DATA),                                                                       \
      "limit_data: bytes that pass on a connection before it is closed; truncate, stall, "         \
      "malformed_chunk: bytes of the body's content that pass before it happens.")                 \
    X(corruption, CONF_SHARE, double, "1%", 0, 1, "", FAULT_BIT(CORRUPT), 0,                       \
      "corrupt: how many of the bytes are changed.")                                               \
    X(idle, CONF_DIST, struct dist, "0", 0, 0, "ms",                                               \
      FAULT_BIT(IDLE_CLOSE) | FAULT_BIT(HALF_OPEN), FAULT_BIT(IDLE_CLOSE),                         \
      "idle_close, half_open: how long nothing must have travelled in either direction; drawn "    \
      "for each connection.")                                                                      \
    X(backlog, CONF_INT, int64_t, "0", 0, 65535, "", FAULT_BIT(ACCEPT_DELAY), 0,                   \
      "accept_delay: how many connections may wait at once; the kernel keeps one more, and "       \
      "others get no answer at all. 0 = no limit.")                                                \
    X(status, CONF_INT, int64_t, "503", 200, 599, "", FAULT_BIT(ABORT) | FAULT_BIT(EARLY_REPLY),   \
      0, "abort, early_reply: the status of the response.")                                        \
    X(reset, CONF_BOOL, bool, "false", 0, 0, "", FAULT_BIT(EMPTY_RESPONSE) | FAULT_BIT(TRUNCATE),  \
      0, "empty_response, truncate: the connection is reset rather than closed.")                  \
    X(body_share, CONF_SHARE, double, "0%", 0, 1, "", FAULT_BIT(TRUNCATE), 0,                      \
      "truncate: the share of the body's content that passes, beyond \"bytes\". Of a body that "   \
      "does not say its length, this share of what has come is passed on at any time.")            \
    X(hold, CONF_DIST, struct dist, "0", 0, 0, "ms", FAULT_BIT(STALL), 0,                          \
      "stall: for how long nothing passes; 0 = for ever.")                                         \
    X(size, CONF_SIZE, uint64_t, "256KiB", 1024, 67108864, "B", FAULT_BIT(OVERSIZED_HEAD), 0,      \
      "oversized_head: how large the head becomes at least.")                                      \
    X(difference, CONF_INT, int64_t, "0", -1e15, 1e15, "", FAULT_BIT(WRONG_LENGTH),                \
      FAULT_BIT(WRONG_LENGTH),                                                                     \
      "wrong_length: what is added to the Content-Length; below zero, it becomes smaller, down "   \
      "to 0.") \
    X(restart, CONF_BOOL, bool, "true", 0, 0, "", FAULT_BIT(KILL) | FAULT_BIT(TERM), 0,            \
      "kill, term: whether the process is started again.")                                         \
    X(restart_after, CONF_DIST, struct dist, "100ms", 0, 0, "ms",                                  \
      FAULT_BIT(KILL) | FAULT_BIT(TERM), 0,                                                        \
      "kill, term: how long after its end the process is started again.")                          \
    X(restarts, CONF_INT, int64_t, "5", 0, 1000, "", FAULT_BIT(KILL) | FAULT_BIT(TERM), 0,          \
      "kill, term: a process that was started again so often within \"within\" is given up "       \
      "when it ends once more; 0 = never.")                                                        \
    X(within, CONF_DURATION, duration, "10s", 1, 0, "ms", FAULT_BIT(KILL) | FAULT_BIT(TERM), 0,    \
      "kill, term: the time in which restarts are counted.")                                       \
    X(cores, CONF_INT, int64_t, "1", 1, 1024, "", FAULT_BIT(STEAL_CPU), 0,                         \
      "steal_cpu: on how many cores, those that the process runs on first.")                       \
    X(steal, CONF_SHARE, double, "100%", 0.01, 1, "", FAULT_BIT(STEAL_CPU), 0,                     \
      "steal_cpu: for what share of the time the neighbour wants each of them.")

/* Parameters that are lists of header fields: member and name, type, table of the entries (NULL: texts),
 * the faults that take it, meaning. */
#define FAULT_FIELD_PARAMETERS(X)                                                                  \
    X(set, CONF_MAP, &fault_field_table, FAULT_BIT(EDIT_REQUEST) | FAULT_BIT(EDIT_RESPONSE),             \
      "edit_request, edit_response: fields that have these values from there on, each once.")      \
    X(add, CONF_MAP, &fault_field_table, FAULT_BIT(EDIT_REQUEST) | FAULT_BIT(EDIT_RESPONSE),             \
      "edit_request, edit_response: fields that are there as well.")                               \
    X(remove, CONF_LIST, NULL, FAULT_BIT(EDIT_REQUEST) | FAULT_BIT(EDIT_RESPONSE),                 \
      "edit_request, edit_response: fields that are left out.")

/* When a fault is on, and for whom: member and name, type in the configuration, type in C, default, bounds,
 * meaning. */
#define FAULT_CONDITIONS(X)                                                                        \
    X(share, CONF_SHARE, double, "100%", 0, 1,                                                     \
      "The share of the connections, or requests, that it touches. Which they are is a function "  \
      "of the seed, the fault's name and the connection's number; for a request, of its trace id " \
      "(traceparent), or else of its number.")                                                     \
    X(from, CONF_DURATION, duration, "0", 0, 0,                                                    \
      "When it begins, counted from the start of the process, from the start of the measured "     \
      "load under a laboratory, or from the moment it was added.")                                 \
    X(until, CONF_DURATION, duration, "0", 0, 0,                                                   \
      "When it ends for good; 0 = never.")                                                         \
    X(every, CONF_DIST, struct dist, "0", 0, 0,                                                    \
      "From one beginning to the next; 0 = it begins once. Never below 100us: what a "             \
      "distribution gives below that counts as that.")                                       \
    X(lasting, CONF_DIST, struct dist, "0", 0, 0,                                                  \
      "How long it is on each time; 0 = until its end.")                                           \
    X(count, CONF_INT, int64_t, "0", 0, 1e12,                                                      \
      "How often it begins at most; 0 = no limit.")                                                \
    X(ramp, CONF_DURATION, duration, "0", 0, 0,                                                    \
      "Each time it begins, the share grows evenly from nothing for so long.")                     \
    X(first, CONF_INT, int64_t, "0", 0, 1e15,                                                      \
      "Only this many connections, counted from the link's first, or requests that match, "        \
      "counted from the first that came while it was on, are touched; 0 = no limit.")              \
    X(max_active, CONF_INT, int64_t, "0", 0, 1e9,                                                  \
      "How many connections, or requests, it touches at the same time at most; 0 = no limit.")     \
    X(ttl, CONF_DURATION, duration, "0", 0, 0,                                                     \
      "It removes itself so long after it was added or last changed; 0 = it stays.")

/* clang-format on */

#define FAULT_CLASS_ENUM(id, meaning) FAULT_CLASS_##id,
enum fault_class { FAULT_CLASSES(FAULT_CLASS_ENUM) FAULT_CLASS_COUNT };
#undef FAULT_CLASS_ENUM

#define FAULT_STREAM_ENUM(id, name) FAULT_STREAM_##id,
enum fault_stream { FAULT_STREAMS(FAULT_STREAM_ENUM) FAULT_STREAM_COUNT };
#undef FAULT_STREAM_ENUM

#define FAULT_PER_ENUM(id, name) FAULT_PER_##id,
enum fault_per { FAULT_PERS(FAULT_PER_ENUM) FAULT_PER_COUNT };
#undef FAULT_PER_ENUM

#define FAULT_ENUM(id, ...) FAULT_##id,
enum fault_kind { FAULTS(FAULT_ENUM) FAULT_COUNT };
#undef FAULT_ENUM

/* A fault as it is configured. Its texts and points belong to the arena it was read into. */
struct fault_config {
    const char *name; /* never NULL */
    int kind;         /* enum fault_kind */
    int stream;       /* enum fault_stream */
    int per;          /* enum fault_per */
    const struct cJSON *item;
    struct fault_match match;
#define FAULT_MEMBER(member, type, ctype, ...) ctype member;
    FAULT_CONDITIONS(FAULT_MEMBER)
    FAULT_PARAMETERS(FAULT_MEMBER)
#undef FAULT_MEMBER
#define FAULT_MEMBER(member, ...) struct conf_list member;
    FAULT_FIELD_PARAMETERS(FAULT_MEMBER) /* struct fault_field, or const char * */
#undef FAULT_MEMBER
};

extern const struct conf_table fault_conf_table;

struct fault_row {
    const char *name;
    const char *toxic; /* Toxiproxy's type, or NULL */
    enum fault_class class;
    enum fault_stream stream;
    const char *meaning;
};

const struct fault_row *fault_row(enum fault_kind kind);
const char *fault_stream_name(enum fault_stream stream);

/* The names of the kinds, NULL-ended: what a key "kind" may be. */
extern const char *const fault_kind_names[];

/* What each of them is, for such a key. */
#define FAULT_KIND_MEANING(id, name, toxic, class, stream, meaning) " " name ": " meaning
#define FAULT_KINDS_MEANING                                         FAULTS(FAULT_KIND_MEANING)

/* The kind of that name, or FAULT_COUNT. */
enum fault_kind fault_named(const char *name);

/* A parameter as the API sees it. */
struct fault_parameter {
    const char *name;
    enum conf_type type;
    const char *otherwise; /* as it would be written in the configuration; NULL: absent */
    const char *unit;      /* of a bare number in the API: "ms", "us", "KB", "B" or "" */
};

/* The parameters that a kind takes, in the table's order: sets `parameter` to the first one at or
 * behind `*index` and moves `*index` behind it; false when there is none. Start with 0. */
bool fault_parameter_next(enum fault_kind kind, size_t *index, struct fault_parameter *parameter);

/* The names of what FAULT_CONDITIONS lists, "match" and "per"; NULL behind the last. */
const char *fault_condition_name(size_t index);

/* For the check of a table that has faults on connections: fails for what is done to processes. */
enum result fault_check_carried(struct conf_read *read, const struct fault_config *fault) MUST_USE;

/* Why it cannot be on a link, or NULL. */
const char *fault_problem_on_link(const struct fault_config *fault);

/* A fault that owns what it was read from. */
struct fault {
    struct fault_config config;
    struct conf_doc *doc;
    struct arena arena;
};

/* Makes a fault from its JSON as the configuration has it. `source` is where it came from, for
 * messages and for the folder of a replay file. Free with fault_free. */
enum result fault_make(struct fault **fault, const struct cJSON *item, const char *source,
                       struct error *error) MUST_USE;

/* The same from a text. */
enum result fault_parse(struct fault **fault, const char *text, size_t length, const char *source,
                        struct error *error) MUST_USE;
void fault_free(struct fault *fault);

#endif
