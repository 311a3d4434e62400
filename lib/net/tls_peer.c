/* SPDX-License-Identifier: MIT */
/* What the peer's certificate says. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "lib/net/tls_internal.h"

static X509 *shown(const struct conn *conn)
{
    return tls_is_on(conn) ? SSL_get0_peer_certificate(conn_bottom(conn).state) : NULL;
}

bool tls_peer_subject(const struct conn *conn, struct buf *out)
{
    X509 *certificate = shown(conn);
    BIO *text = certificate ? BIO_new(BIO_s_mem()) : NULL;
    char *bytes;
    if (!text)
        return false;
    /* The flags escape control characters and all that is not ASCII. */
    int written = X509_NAME_print_ex(text, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
    long length = BIO_get_mem_data(text, &bytes);
    if (written >= 0 && length > 0)
        buf_append(out, bytes, (size_t)length);
    BIO_free(text);
    return written >= 0;
}

bool tls_peer_certificate(const struct conn *conn, struct buf *out)
{
    X509 *certificate = shown(conn);
    unsigned char *der = NULL;
    int length = certificate ? i2d_X509(certificate, &der) : -1;
    if (length < 0)
        return false;
    /* Four characters for each three bytes begun, and a NUL. */
    char *text = buf_reserve(out, ((size_t)length + 2) / 3 * 4 + 1);
    out->end += (size_t)EVP_EncodeBlock((unsigned char *)text, der, length);
    OPENSSL_free(der);
    return true;
}
