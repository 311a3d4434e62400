/* SPDX-License-Identifier: MIT */
/* TLS (1.2 and 1.3, by OpenSSL) as a further table of functions behind a connection. A context
 * holds what many connections share: certificates, keys, rules. It is made once, never changed, and
 * may be used from any thread; a changed certificate is picked up by making another context, using
 * it for new connections, and releasing the old one, which lasts as long as connections still use
 * it. */
#ifndef TAILGATE_LIB_NET_TLS_H
#define TAILGATE_LIB_NET_TLS_H

#include "lib/base/buf.h"
#include "lib/net/conn.h"

struct tls_context;
struct ssl_session_st;

/* PEM files: a certificate, followed by those between it and the root, and its key. */
struct tls_pair {
    const char *certificate, *key;
};

enum tls_version { TLS_1_2, TLS_1_3 };

enum tls_ask { TLS_ASK_NONE, TLS_ASK_OPTIONAL, TLS_ASK_REQUIRED };

struct tls_server_settings {
    /* At least one. The names in each certificate say for which server names it is used; the first
     * is for all others, and for clients that name none. */
    const struct tls_pair *pairs;
    size_t pair_count;
    enum tls_version min_version;
    const char *ciphers;      /* up to TLS 1.2, OpenSSL's list; NULL = as OpenSSL is set up */
    const char *ciphersuites; /* TLS 1.3; NULL = as OpenSSL is set up */
    enum tls_ask ask;         /* for a certificate of the client's */
    const char *client_ca;    /* PEM file: who may have signed it; needed unless TLS_ASK_NONE */
    bool tickets;             /* sessions may be resumed */
};

struct tls_client_settings {
    bool verify;          /* the server's certificate and the name in it */
    const char *ca;       /* PEM file: who may have signed it; NULL = the system's store */
    struct tls_pair pair; /* to show to the server; certificate NULL = none */
    enum tls_version min_version;
};

/* What is wrong with which file is in the error; `*blamed` is the setting with its name, or NULL
 * when it is none of the settings that are text. */
enum result tls_server_new(struct tls_context **context, const struct tls_server_settings *settings,
                           const char **blamed, struct error *error) MUST_USE;
enum result tls_client_new(struct tls_context **context, const struct tls_client_settings *settings,
                           const char **blamed, struct error *error) MUST_USE;

/* Called with what is odd about `file`, in words for the operator. */
typedef void tls_say(void *arg, const char *file, const char *text);

/* Says what is odd about files that can be used all the same: a certificate that has ended, ends
 * soon or has not begun, and a key that every user of the machine may read. */
void tls_inspect(const struct tls_pair *pair, tls_say *say, void *arg);

/* One owner more; returns `context`, which may be NULL. */
struct tls_context *tls_context_hold(struct tls_context *context);

/* Gives up the owner's hold and sets `*context` to NULL; harmless on NULL. */
void tls_context_release(struct tls_context **context);

/* A session to resume: what a client knows of a server it was connected to. Zeroed = nothing yet.
 * For one thread and one server name; outlives the connections it was given to. It is forgotten
 * when it is used with another context: what one trusted another may not. */
struct tls_memory {
    struct ssl_session_st *session;
    struct tls_context *context; /* held, with the session */
};
void tls_memory_forget(struct tls_memory *memory);

/* What was in `from` is in `to`, and no longer in `from`. */
void tls_memory_move(struct tls_memory *to, struct tls_memory *from);

/* Puts TLS on a connected, plain connection on which no more than plain bytes in front (a PROXY
 * header) have travelled. conn_handshake must have said CONN_READY before bytes are read or
 * written; when it fails the connection is plain again, for lingering. Both fail for want of memory
 * only. */
enum result tls_accept(struct conn *conn, struct tls_context *server, struct error *error) MUST_USE;

/* `name` is what the certificate must be for: a host name (sent as SNI too) or an IP address; NULL
 * = neither is checked. `memory` may be NULL: no session is kept. */
enum result tls_connect(struct conn *conn, struct tls_context *client, const char *name,
                        struct tls_memory *memory, struct error *error) MUST_USE;

/* From now on sessions of a connection that tls_connect was called for are kept in `memory`, which
 * outlives it. Harmless on a plain one. */
void tls_remember_in(struct conn *conn, struct tls_memory *memory);

/* Append what the certificate that the peer has shown, and that was found good, says: its subject
 * as RFC 4514 writes it, in ASCII, and all of it, DER in base64. False: it has shown none. */
bool tls_peer_subject(const struct conn *conn, struct buf *out);
bool tls_peer_certificate(const struct conn *conn, struct buf *out);

/* Whether TLS is on it, and whether its handshake resumed an earlier session. */
bool tls_is_on(const struct conn *conn);
bool tls_resumed(const struct conn *conn);

/* What OpenSSL calls the failure of a read or write, such as an alert of the peer's; NULL = there
 * was none. */
const char *tls_failure(const struct conn *conn);

#endif
