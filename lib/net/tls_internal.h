/* SPDX-License-Identifier: MIT */
/* What the parts of TLS share. */
#ifndef TAILGATE_LIB_NET_TLS_INTERNAL_H
#define TAILGATE_LIB_NET_TLS_INTERNAL_H

#include <stdatomic.h>

#include <openssl/ssl.h>

#include "lib/net/tls.h"

/* A server name, in lower case, and the certificate for it; "*.example.com" stands for one label.
 */
struct tls_name {
    char *text;
    SSL_CTX *certificate;
};

struct tls_context {
    atomic_int holders; /* the owner and the connections */
    BIO_METHOD *io;
    SSL_CTX **certificates; /* a client has one, with or without a certificate in it */
    size_t certificate_count;
    struct tls_name *names; /* sorted */
    size_t name_count;
};

/* How OpenSSL reads and writes a connection's socket. NULL for want of memory. */
BIO_METHOD *tls_io_method(void);

/* Collects the names in every certificate of the context. */
void tls_names_collect(struct tls_context *context);
void tls_names_release(struct tls_context *context);
/* The certificate for a server name, or NULL. */
SSL_CTX *tls_names_find(const struct tls_context *context, const char *name);

#define TLS_REASON 256

/* The oldest reason in OpenSSL's queue of errors, in words; empties the queue. Returns `out`. */
const char *tls_reason(char out[TLS_REASON]);

#endif
