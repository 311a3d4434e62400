/* SPDX-License-Identifier: MIT */
/* Which certificate is for which server name. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "lib/base/memory.h"
#include "lib/net/tls_internal.h"

static void lower(char *text)
{
    for (; *text; text++)
        *text = (char)tolower((unsigned char)*text);
}

static void add(struct tls_context *context, SSL_CTX *certificate, const ASN1_STRING *name)
{
    const char *text = (const char *)ASN1_STRING_get0_data(name);
    size_t length = (size_t)ASN1_STRING_length(name);
    if (length == 0 || memchr(text, '\0', length))
        return;
    context->names = mem_grow(context->names, context->name_count + 1, sizeof(*context->names));
    struct tls_name *added = &context->names[context->name_count++];
    added->text = mem_alloc(length + 1, 1);
    memcpy(added->text, text, length);
    lower(added->text);
    added->certificate = certificate;
}

static bool add_alternatives(struct tls_context *context, SSL_CTX *certificate, const X509 *x509)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
    size_t before = context->name_count;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_DNS)
            add(context, certificate, name->d.dNSName);
    }
    GENERAL_NAMES_free(names);
    return context->name_count > before;
}

/* The common name counts only where there is no other, as clients have it. */
static void add_common_name(struct tls_context *context, SSL_CTX *certificate, const X509 *x509)
{
    const X509_NAME *subject = X509_get_subject_name(x509);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at >= 0)
        add(context, certificate, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

static int by_text(const void *left, const void *right)
{
    const struct tls_name *a = left, *b = right;
    return strcmp(a->text, b->text);
}

/* Of certificates for the same name the first one listed is used. */
static void drop_repeated(struct tls_context *context)
{
    size_t kept = 0;
    for (size_t i = 0; i < context->name_count; i++) {
        struct tls_name *name = &context->names[i];
        if (kept > 0 && strcmp(context->names[kept - 1].text, name->text) == 0)
            free(name->text);
        else
            context->names[kept++] = *name;
    }
    context->name_count = kept;
}

/* A stable sort: there are few names, and they are sorted once. */
static void sort(struct tls_name *names, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct tls_name name = names[i];
        size_t at = i;
        for (; at > 0 && by_text(&names[at - 1], &name) > 0; at--)
            names[at] = names[at - 1];
        names[at] = name;
    }
}

void tls_names_collect(struct tls_context *context)
{
    for (size_t i = 0; i < context->certificate_count; i++) {
        SSL_CTX *certificate = context->certificates[i];
        const X509 *x509 = SSL_CTX_get0_certificate(certificate);
        if (!add_alternatives(context, certificate, x509))
            add_common_name(context, certificate, x509);
    }
    sort(context->names, context->name_count);
    drop_repeated(context);
}

void tls_names_release(struct tls_context *context)
{
    for (size_t i = 0; i < context->name_count; i++)
        free(context->names[i].text);
    free(context->names);
}

static SSL_CTX *look_up(const struct tls_context *context, char *text)
{
    const struct tls_name wanted = {.text = text};
    const struct tls_name *found =
        bsearch(&wanted, context->names, context->name_count, sizeof(*context->names), by_text);
    return found ? found->certificate : NULL;
}

SSL_CTX *tls_names_find(const struct tls_context *context, const char *name)
{
    char text[256]; /* a DNS name has at most 253 characters */
    size_t length = strlen(name);
    if (length == 0 || length >= sizeof(text) || context->name_count == 0)
        return NULL;
    memcpy(text, name, length + 1);
    lower(text);
    if (text[length - 1] == '.')
        text[length - 1] = '\0';
    SSL_CTX *found = look_up(context, text);
    char *dot = strchr(text, '.');
    if (found || !dot || dot == text)
        return found;
    dot[-1] = '*';
    return look_up(context, dot - 1);
}
