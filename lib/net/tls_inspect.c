/* SPDX-License-Identifier: MIT */
/* What is odd about certificates and keys that can be used all the same. */
#include <stdio.h>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "lib/net/tls_internal.h"

struct inspection {
    const struct tls_pair *pair;
    tls_say *say;
    void *arg;
};

/* A moment as OpenSSL writes it ("Nov 23 12:00:00 2026 GMT"). */
static const char *moment(const ASN1_TIME *time, char *out, size_t size)
{
    BIO *text = BIO_new(BIO_s_mem());
    int length = text && ASN1_TIME_print(text, time) == 1 ? BIO_read(text, out, (int)size - 1) : 0;
    out[length > 0 ? length : 0] = '\0';
    BIO_free(text);
    return out;
}

/* Seconds from `from` to `to`; NULL stands for now. */
static double between(const ASN1_TIME *from, const ASN1_TIME *to)
{
    int days = 0, seconds = 0;
    if (ASN1_TIME_diff(&days, &seconds, from, to) != 1)
        return 0;
    return days * 86400.0 + seconds;
}

static void look_at_dates(const struct inspection *look, const X509 *certificate)
{
    /* Who renews in time never gets near: renewal is due with a third left, or half of a short one.
     */
    static const double soon = 0.1;
    const ASN1_TIME *begins = X509_get0_notBefore(certificate);
    const ASN1_TIME *ends = X509_get0_notAfter(certificate);
    char when[64], text[160];
    const char *path = look->pair->certificate;
    double left = between(NULL, ends);
    if (between(NULL, begins) > 0)
        snprintf(text, sizeof(text), "is valid only from %s on: peers refuse it until then",
                 moment(begins, when, sizeof(when)));
    else if (left <= 0)
        snprintf(text, sizeof(text), "ended on %s: peers refuse it; renew it",
                 moment(ends, when, sizeof(when)));
    else if (left < soon * between(begins, ends))
        snprintf(text, sizeof(text), "ends on %s: renew it", moment(ends, when, sizeof(when)));
    else
        return;
    look->say(look->arg, path, text);
}

static void look_at_mode(const struct inspection *look)
{
    struct stat about;
    if (stat(look->pair->key, &about) == 0 && (about.st_mode & S_IROTH))
        look->say(look->arg, look->pair->key,
                  "can be read by every user of this machine: take that away (chmod o-r)");
}

void tls_inspect(const struct tls_pair *pair, tls_say *say, void *arg)
{
    const struct inspection look = {pair, say, arg};
    FILE *file = fopen(pair->certificate, "re");
    X509 *certificate = file ? PEM_read_X509_AUX(file, NULL, NULL, NULL) : NULL;
    if (file)
        fclose(file);
    ERR_clear_error();
    if (certificate)
        look_at_dates(&look, certificate);
    X509_free(certificate);
    look_at_mode(&look);
}
