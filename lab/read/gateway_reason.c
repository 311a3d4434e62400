/* SPDX-License-Identifier: MIT */
#include "lab/read/gateway_reason.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/result.h"

static struct gateway_causes only(enum cause cause)
{
    return (struct gateway_causes){.of = {cause}, .count = 1};
}

static void add(struct gateway_causes *causes, enum cause cause)
{
    if (causes->count < GATEWAY_CAUSES)
        causes->of[causes->count] = cause;
    causes->count++;
}

/* More than can be told is as good as nothing. */
static struct gateway_causes told(struct gateway_causes causes)
{
    return causes.count <= GATEWAY_CAUSES ? causes : (struct gateway_causes){.count = 0};
}

/* Whether it can only happen once the head of the response was sent. */
static bool is_behind_head(enum cause cause)
{
    return cause == CAUSE_BODY_TRUNCATED || cause == CAUSE_BODY_TIMEOUT;
}

static bool is_error(int status)
{
    return status <= 0 || status >= 500;
}

/* What no request without an upgrade meets, and what takes a body that fills every buffer. */
static bool is_rare(enum cause cause)
{
    return cause == CAUSE_TUNNEL_TIMEOUT || cause == CAUSE_TUNNEL_RESET ||
           cause == CAUSE_TUNNEL_TRUNCATED || cause == CAUSE_CLIENT_TRUNCATED ||
           cause == CAUSE_SEND_TIMEOUT;
}

static bool is_possible(enum cause cause, int status)
{
    bool ours = cause_row(cause)->status >= 500;
    return !is_rare(cause) && (!ours || is_behind_head(cause) != is_error(status));
}

/* What the status alone says. */
static struct gateway_causes by_status(int status)
{
    switch (status) {
    case 400:
        return only(CAUSE_REQUEST_MALFORMED);
    case 408:
        return only(CAUSE_CLIENT_TIMEOUT);
    case 413:
        return only(CAUSE_REQUEST_TOO_LARGE);
    case 429:
        return only(CAUSE_RATE_LIMITED);
    case 499:
        return only(CAUSE_CLIENT_ABORT);
    default:
        return is_error(status) ? (struct gateway_causes){.count = 0} : only(CAUSE_NONE);
    }
}

/* ---- nginx */

/* Parts of a message, and what it means; the first row that fits counts. nginx does not say whether
 * a connection that was closed was a fresh one. */
static const struct phrase {
    const char *what, *when;
    enum cause cause, other; /* CAUSE_NONE: no other */
} phrases[] = {
    {"no live upstreams", "", CAUSE_NO_ENDPOINT, CAUSE_NONE},
    {"connection refused", "connecting to upstream", CAUSE_CONNECT_REFUSED, CAUSE_NONE},
    {"timed out", "connecting to upstream", CAUSE_CONNECT_TIMEOUT, CAUSE_NONE},
    {"connection reset", "connecting to upstream", CAUSE_RESET_BEFORE_RESPONSE,
     CAUSE_REUSED_CLOSED},
    {"connect() failed", "connecting to upstream", CAUSE_CONNECT_FAILED, CAUSE_NONE},
    {"ssl", "handshaking to upstream", CAUSE_TLS_FAILED, CAUSE_NONE},
    {"could not be resolved", "", CAUSE_DNS_FAILED, CAUSE_NONE},
    {"timed out", "reading response header", CAUSE_RESPONSE_TIMEOUT, CAUSE_NONE},
    {"timed out", "sending request", CAUSE_SEND_TIMEOUT, CAUSE_NONE},
    {"timed out", "reading upstream", CAUSE_BODY_TIMEOUT, CAUSE_NONE},
    {"prematurely closed", "reading response header", CAUSE_CLOSED_BEFORE_RESPONSE,
     CAUSE_REUSED_CLOSED},
    {"reset by peer", "reading response header", CAUSE_RESET_BEFORE_RESPONSE, CAUSE_REUSED_CLOSED},
    {"reset by peer", "sending request", CAUSE_RESET_BEFORE_RESPONSE, CAUSE_REUSED_CLOSED},
    {"broken pipe", "sending request", CAUSE_RESET_BEFORE_RESPONSE, CAUSE_REUSED_CLOSED},
    {"prematurely closed", "reading upstream", CAUSE_BODY_TRUNCATED, CAUSE_NONE},
    {"reset by peer", "reading upstream", CAUSE_BODY_TRUNCATED, CAUSE_NONE},
    {"too big header", "", CAUSE_RESPONSE_HEAD_TOO_LARGE, CAUSE_NONE},
    {"upstream sent no valid http", "", CAUSE_RESPONSE_MALFORMED, CAUSE_NONE},
    {"upstream sent invalid", "", CAUSE_RESPONSE_MALFORMED, CAUSE_NONE},
    {"upstream sent duplicate", "", CAUSE_RESPONSE_MALFORMED, CAUSE_NONE},
    {"client prematurely closed", "", CAUSE_CLIENT_ABORT, CAUSE_NONE},
    {"limiting requests", "", CAUSE_RATE_LIMITED, CAUSE_NONE},
    {"limiting connections", "", CAUSE_SHED, CAUSE_NONE},
    {"worker_connections are not enough", "", CAUSE_DESCRIPTORS_EXHAUSTED, CAUSE_NONE},
    {"too many open files", "", CAUSE_DESCRIPTORS_EXHAUSTED, CAUSE_NONE},
};

struct gateway_causes gateway_cause_nginx(const char *message, int status, int upstream_status)
{
    if (status == 499)
        return only(CAUSE_CLIENT_ABORT);
    for (size_t i = 0; i < ARRAY_LEN(phrases); i++) {
        const struct phrase *phrase = &phrases[i];
        if (!strcasestr(message, phrase->what) || !strcasestr(message, phrase->when) ||
            (cause_row(phrase->cause)->status >= 500 &&
             is_behind_head(phrase->cause) == is_error(status)))
            continue;
        struct gateway_causes causes = only(phrase->cause);
        if (phrase->other != CAUSE_NONE)
            add(&causes, phrase->other);
        return causes;
    }
    if (status >= 500 && upstream_status == status)
        return only(CAUSE_UPSTREAM_STATUS);
    return by_status(status);
}

/* ---- HAProxy */

/* Without a server it never comes to a connection, a server whose name does not resolve is not
 * used, and no timeout is about the whole exchange. */
static bool is_unlike_haproxy(enum cause cause)
{
    return cause == CAUSE_NO_ENDPOINT || cause == CAUSE_DNS_FAILED || cause == CAUSE_TOTAL_TIMEOUT;
}

struct gateway_causes gateway_cause_haproxy(const char *state, int status, bool server)
{
    struct gateway_causes causes = {.count = 0};
    if (strncmp(state, "--", 2) == 0)
        return status >= 500 ? only(CAUSE_UPSTREAM_STATUS) : only(CAUSE_NONE);
    if (strncmp(state, "SC", 2) == 0 && !server)
        return only(CAUSE_NO_ENDPOINT);
    if (state[0] == 'C' || strncmp(state, "cD", 2) == 0 || strncmp(state, "cH", 2) == 0)
        return only(CAUSE_CLIENT_ABORT);
    if (strncmp(state, "PR", 2) == 0)
        return by_status(status); /* whatever a rule refuses */
    for (int i = 0; i < CAUSE_COUNT; i++) {
        enum cause cause = (enum cause)i;
        if (strncmp(cause_row(cause)->haproxy_pair, state, 2) == 0 && is_possible(cause, status) &&
            !is_unlike_haproxy(cause))
            add(&causes, cause);
    }
    return told(causes);
}

/* ---- Envoy */

/* Whether one of the flags, which have commas between them, is that one. */
static bool has_flag(const char *flags, const char *flag)
{
    size_t length = strlen(flag);
    for (const char *at = flags; *at; at += strcspn(at, ","), at += *at == ',')
        if (strcspn(at, ",") == length && strncmp(at, flag, length) == 0)
            return true;
    return false;
}

/* The flag UF says that connecting failed; the details say how. */
static const struct {
    const char *part;
    enum cause cause;
} envoy_details[] = {
    {"connection_refused", CAUSE_CONNECT_REFUSED},
    {"connect_error:_111", CAUSE_CONNECT_REFUSED},
    {"connect_error: 111", CAUSE_CONNECT_REFUSED},
    {"connection_timeout", CAUSE_CONNECT_TIMEOUT},
    {"connection timeout", CAUSE_CONNECT_TIMEOUT},
    {"tls_error", CAUSE_TLS_FAILED},
    {"response_payload_too_large", CAUSE_RESPONSE_HEAD_TOO_LARGE},
    {"headers_count_exceeds_limit", CAUSE_RESPONSE_HEAD_TOO_LARGE},
    {"headers_size_exceeds_limit", CAUSE_RESPONSE_HEAD_TOO_LARGE},
};

struct gateway_causes gateway_cause_envoy(const char *flags, const char *details, int status)
{
    struct gateway_causes causes = {.count = 0};
    if (strcmp(flags, "-") == 0 || flags[0] == '\0')
        return status >= 500 ? only(CAUSE_UPSTREAM_STATUS) : only(CAUSE_NONE);
    if (has_flag(flags, cause_row(CAUSE_CLIENT_ABORT)->envoy_flag))
        return only(CAUSE_CLIENT_ABORT);
    for (int i = 0; i < CAUSE_COUNT; i++)
        if (has_flag(flags, cause_row((enum cause)i)->envoy_flag) &&
            is_possible((enum cause)i, status))
            add(&causes, (enum cause)i);
    for (size_t i = 0; i < ARRAY_LEN(envoy_details); i++)
        if (strcasestr(details, envoy_details[i].part) &&
            has_flag(flags, cause_row(envoy_details[i].cause)->envoy_flag))
            return only(envoy_details[i].cause);
    return told(causes);
}

void gateway_causes_exclude(struct gateway_causes *causes, enum cause cause)
{
    size_t kept = 0;
    for (size_t i = 0; i < causes->count; i++)
        if (causes->of[i] != cause)
            causes->of[kept++] = causes->of[i];
    causes->count = kept;
}

const char *gateway_causes_text(const struct gateway_causes *causes, char *out, size_t size)
{
    size_t used = 0;
    snprintf(out, size, "%s", cause_row(CAUSE_UNKNOWN)->name);
    for (size_t i = 0; i < causes->count && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s", i > 0 ? " or " : "",
                                 cause_row(causes->of[i])->name);
    return out;
}
