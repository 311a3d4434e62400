/* SPDX-License-Identifier: MIT */
#include "lib/net/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "lib/net/tls_internal.h"

/* OpenSSL's queue of errors is per thread and must be empty before each call whose failure is
 * looked into. So whoever meets a failure empties it, and nobody clears it in front of a call. */

/* What one record holds at most. */
enum { RECORD_SIZE = SSL3_RT_MAX_PLAIN_LENGTH };

/* ---- the socket, as OpenSSL sees it */

static int io_read(BIO *io, char *bytes, int n)
{
    struct conn *conn = BIO_get_data(io);
    ssize_t got;
    BIO_clear_retry_flags(io);
    if (conn->drained && !conn->peer_closed) {
        /* Nothing has come since. OpenSSL asks again and again; the kernel need not. */
        BIO_set_retry_read(io);
        errno = EAGAIN;
        return -1;
    }
    do {
        got = recv(conn->fd, bytes, (size_t)n, 0);
    } while (got < 0 && errno == EINTR);
    /* The end, or a reset, is no news from an empty socket: whoever asks again is told again. */
    conn->drained = got > 0 ? got < n : got < 0 && errno == EAGAIN;
    if (got < 0 && errno == EAGAIN)
        BIO_set_retry_read(io);
    if (got == 0)
        conn->truncated = true;
    return (int)got;
}

/* A ticket of TLS 1.3 can wait for the first answer. */
static bool is_ticket(const struct conn *conn)
{
    const SSL *ssl = conn->ops_state;
    return SSL_get_state(ssl) == TLS_ST_SW_SESSION_TICKET && SSL_version(ssl) == TLS1_3_VERSION;
}

static int io_write(BIO *io, const char *bytes, int n)
{
    struct conn *conn = BIO_get_data(io);
    int more = conn->more_follows || is_ticket(conn) ? MSG_MORE : 0;
    ssize_t put;
    do {
        put = send(conn->fd, bytes, (size_t)n, MSG_NOSIGNAL | more);
    } while (put < 0 && errno == EINTR);
    BIO_clear_retry_flags(io);
    if (put < 0 && errno == EAGAIN)
        BIO_set_retry_write(io);
    return (int)put;
}

static long io_control(BIO *io, int command, long number, void *arg)
{
    return command == BIO_CTRL_FLUSH; /* nothing is held back */
}

BIO_METHOD *tls_io_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "connection");
    if (method) {
        BIO_meth_set_read(method, io_read);
        BIO_meth_set_write(method, io_write);
        BIO_meth_set_ctrl(method, io_control);
    }
    return method;
}

/* ---- taking it on and off */

static void take_off(struct conn *conn)
{
    SSL *ssl = conn->ops_state;
    struct tls_context *context = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    SSL_free(ssl);
    tls_context_release(&context);
    conn->ops = &conn_plain;
    conn->ops_state = NULL;
}

/* Nothing more can be said on it, a goodbye neither. */
static void give_up(SSL *ssl)
{
    SSL_set_quiet_shutdown(ssl, 1);
    ERR_clear_error();
}

/* ---- the table */

static void explain(SSL *ssl, const struct conn *conn, int kind, int problem, struct error *error)
{
    char reason[TLS_REASON];
    bool distrusted = ERR_GET_REASON(ERR_peek_error()) == SSL_R_CERTIFICATE_VERIFY_FAILED;
    if (kind == SSL_ERROR_SSL) {
        tls_reason(reason);
        error_set(error, FAILED_SYSTEM, "%s%s%s", reason, distrusted ? ": " : "",
                  distrusted ? X509_verify_cert_error_string(SSL_get_verify_result(ssl)) : "");
    } else if (conn->truncated || problem == 0) {
        error_set(error, FAILED_SYSTEM, "the peer closed the connection");
    } else {
        error_set(error, FAILED_SYSTEM, "%s", strerror(problem));
    }
}

/* What a call that did not get through means: 0 for the peer's end, or -1 with errno. */
static ssize_t failure(struct conn *conn, bool reading)
{
    SSL *ssl = conn->ops_state;
    int problem = errno, kind = SSL_get_error(ssl, 0);
    if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE) {
        if (reading != (kind == SSL_ERROR_WANT_READ))
            conn->crossed = true; /* until an event comes, whatever else is tried before it */
        errno = EAGAIN;
        return -1;
    }
    if (kind == SSL_ERROR_ZERO_RETURN && reading)
        return 0;
    if (kind == SSL_ERROR_SSL && conn->tls_code == 0)
        conn->tls_code = ERR_peek_error();
    give_up(ssl);
    if (kind != SSL_ERROR_SSL && reading && conn->truncated)
        return 0;
    /* Of a failure that was met before, only that it is one is still known. */
    errno = kind == SSL_ERROR_SSL || problem == 0 || problem == EAGAIN ? EPROTO : problem;
    return -1;
}

static void note_readable(struct conn *conn)
{
    const SSL *ssl = conn->ops_state;
    conn->readable = conn->peer_closed || !conn->drained || SSL_has_pending(ssl);
}

static int tls_handshake(struct conn *conn, struct error *error)
{
    SSL *ssl = conn->ops_state;
    int done = SSL_do_handshake(ssl);
    if (done == 1) {
        ERR_clear_error(); /* of ways that were tried in vain before one was found */
        note_readable(conn);
        return CONN_READY;
    }
    int problem = errno, kind = SSL_get_error(ssl, done);
    if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE) {
        if (kind == SSL_ERROR_WANT_READ)
            conn->readable = false;
        else
            conn->writable = false;
        return CONN_AGAIN;
    }
    explain(ssl, conn, kind, problem, error);
    take_off(conn);
    ERR_clear_error();
    conn->readable = true;
    return CONN_FAILED;
}

static ssize_t tls_read(struct conn *conn, void *bytes, size_t n)
{
    SSL *ssl = conn->ops_state;
    size_t total = 0, got;
    /* A call gives one record at most. */
    while (SSL_read_ex(ssl, (char *)bytes + total, n - total, &got) == 1) {
        total += got;
        note_readable(conn);
        if (total == n || !conn->readable)
            return (ssize_t)total;
    }
    ssize_t end = failure(conn, true);
    if (total == 0)
        return end;
    conn->readable = end == 0 || errno != EAGAIN; /* the next call meets it again, */
    if (end < 0 && errno != EAGAIN)
        conn->problem = errno; /* save for a reset, which the kernel tells once */
    return (ssize_t)total;
}

/* Up to one record's worth from `at` on in what the parts hold together: in place when it stands
 * together, and gathered in `room` when it does not. */
static struct iovec next_run(const struct iovec *parts, int count, size_t at, char *room)
{
    while (at >= parts->iov_len) {
        at -= parts->iov_len;
        parts++;
        count--;
    }
    struct iovec run = {(char *)parts->iov_base + at, parts->iov_len - at};
    if (count == 1 || run.iov_len >= RECORD_SIZE) {
        run.iov_len = run.iov_len < RECORD_SIZE ? run.iov_len : RECORD_SIZE;
        return run;
    }
    size_t length = 0;
    for (; count > 0 && length < RECORD_SIZE; count--, parts++, at = 0) {
        size_t left = parts->iov_len - at, fits = RECORD_SIZE - length;
        size_t taken = left < fits ? left : fits;
        memcpy(room + length, (const char *)parts->iov_base + at, taken);
        length += taken;
    }
    return (struct iovec){room, length};
}

static ssize_t tls_writev(struct conn *conn, const struct iovec *parts, int count)
{
    SSL *ssl = conn->ops_state;
    char room[RECORD_SIZE];
    size_t length = 0, total = 0, put;
    bool behind = conn->more_follows, written = true;
    for (int i = 0; i < count; i++)
        length += parts[i].iov_len;
    while (written && total < length) {
        struct iovec run = next_run(parts, count, total, room);
        /* Several records leave in one segment where it has room for them. */
        conn->more_follows = behind || total + run.iov_len < length;
        written = SSL_write_ex(ssl, run.iov_base, run.iov_len, &put) == 1;
        total += written ? put : 0;
    }
    conn->more_follows = behind;
    return !written && failure(conn, false) < 0 && total == 0 ? -1 : (ssize_t)total;
}

static bool tls_part(struct conn *conn)
{
    SSL *ssl = conn->ops_state;
    int done = conn->parted || !SSL_is_init_finished(ssl) ? 1 : SSL_shutdown(ssl);
    conn->parted = done >= 0 || SSL_get_error(ssl, done) != SSL_ERROR_WANT_WRITE;
    if (!conn->parted)
        conn->writable = false;
    ERR_clear_error();
    return conn->parted;
}

static void tls_close(struct conn *conn, bool orderly)
{
    if (orderly)
        (void)tls_part(conn);
    take_off(conn);
    conn_plain.close(conn, orderly);
}

static const struct conn_ops conn_tls = {.name = "tls",
                                         .handshake = tls_handshake,
                                         .read = tls_read,
                                         .writev = tls_writev,
                                         .part = tls_part,
                                         .close = tls_close};

/* ---- putting it on */

static enum result put_on(struct conn *conn, struct tls_context *context, struct error *error)
{
    SSL *ssl = SSL_new(context->certificates[0]);
    BIO *io = BIO_new(context->io);
    if (!ssl || !io) {
        SSL_free(ssl);
        BIO_free(io);
        ERR_clear_error();
        return error_set(error, FAILED_SYSTEM, "out of memory for TLS");
    }
    BIO_set_data(io, conn);
    BIO_set_init(io, 1);
    SSL_set_bio(ssl, io, io);
    (void)tls_context_hold(context);
    conn->ops = &conn_tls;
    conn->ops_state = ssl;
    conn->truncated = conn->crossed = false;
    return OK;
}

enum result tls_accept(struct conn *conn, struct tls_context *server, struct error *error)
{
    enum result result = put_on(conn, server, error);
    if (result == OK)
        SSL_set_accept_state(conn->ops_state);
    return result;
}

static bool is_ip(const char *name)
{
    unsigned char bytes[16];
    return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

/* Whom to expect, and whom to ask for: an IP address is never asked for (RFC 6066 3). */
static bool set_name(SSL *ssl, const char *name)
{
    X509_VERIFY_PARAM *rules = SSL_get0_param(ssl);
    if (is_ip(name))
        return X509_VERIFY_PARAM_set1_ip_asc(rules, name) == 1;
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    /* SSL_set_tlsext_host_name(3), without the macro's cast that takes the const away. */
    return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                    (void *)(uintptr_t)name) == 1 &&
           X509_VERIFY_PARAM_set1_host(rules, name, 0) == 1;
}

enum result tls_connect(struct conn *conn, struct tls_context *client, const char *name,
                        struct tls_memory *memory, struct error *error)
{
    enum result result = put_on(conn, client, error);
    if (result != OK)
        return result;
    SSL *ssl = conn->ops_state;
    SSL_set_connect_state(ssl);
    SSL_set_app_data(ssl, memory);
    bool set = !name || set_name(ssl, name);
    if (memory && memory->context != client)
        tls_memory_forget(memory);
    if (set && memory && memory->session)
        set = SSL_set_session(ssl, memory->session) == 1;
    if (set)
        return OK;
    ERR_clear_error();
    take_off(conn);
    return error_set(error, FAILED_SYSTEM, "out of memory for TLS");
}

void tls_remember_in(struct conn *conn, struct tls_memory *memory)
{
    if (tls_is_on(conn))
        SSL_set_app_data((SSL *)conn_bottom(conn).state, memory);
}

/* ---- what is known of it */

bool tls_is_on(const struct conn *conn)
{
    return conn_bottom(conn).ops == &conn_tls;
}

bool tls_resumed(const struct conn *conn)
{
    return tls_is_on(conn) && SSL_session_reused(conn_bottom(conn).state);
}

const char *tls_failure(const struct conn *conn)
{
    return conn->tls_code ? ERR_reason_error_string(conn->tls_code) : NULL;
}
