/* SPDX-License-Identifier: MIT */
/* Certificates, keys and rules, read once and shared. */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "lib/base/memory.h"
#include "lib/net/tls_internal.h"

/* What is spoken, as ALPN writes it, each name behind its length: the first is what endpoints are
 * asked for, and what is chosen of a client's offers when both are there. */
static const unsigned char alpn[] = "\x08http/1.1\x08http/1.0";
enum { ALPN_LENGTH = sizeof(alpn) - 1, ALPN_FIRST = 1 + sizeof("http/1.1") - 1 };

/* ---- files */

/* Where what is wrong is said: in words, and which setting it is. */
struct report {
    struct error *error;
    const char **blamed;
};

static enum result file_error(const struct report *report, const char *what, const char *path)
{
    char reason[TLS_REASON];
    *report->blamed = path;
    return error_set(report->error, FAILED_INPUT, "cannot use %s %s: %s", what, path,
                     tls_reason(reason));
}

/* Nobody is there to be asked for a passphrase; says that it was. */
static int no_passphrase(char *out, int size, int writing, void *asked)
{
    *(bool *)asked = true;
    return -1;
}

static enum result load_key(SSL_CTX *ctx, const struct tls_pair *pair, const struct report *report)
{
    bool asked = false;
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    SSL_CTX_set_default_passwd_cb_userdata(ctx, &asked);
    int loaded = SSL_CTX_use_PrivateKey_file(ctx, pair->key, SSL_FILETYPE_PEM);
    SSL_CTX_set_default_passwd_cb_userdata(ctx, NULL);
    /* With a key of another type than the certificate's both load, apart from each other. */
    if (loaded == 1 && SSL_CTX_check_private_key(ctx) == 1)
        return OK;
    bool mismatch =
        loaded == 1 || ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH;
    if (!asked && !mismatch)
        return file_error(report, "the key", pair->key);
    ERR_clear_error();
    *report->blamed = pair->key;
    if (asked)
        return error_set(
            report->error, FAILED_INPUT,
            "cannot use the key %s: a passphrase protects it, which nobody is there to "
            "enter (remove it with: openssl pkey -in %s -out FILE)",
            pair->key, pair->key);
    return error_set(report->error, FAILED_INPUT,
                     "cannot use the key %s: it is not the key of the certificate %s", pair->key,
                     pair->certificate);
}

static enum result use_pair(SSL_CTX *ctx, const struct tls_pair *pair, const struct report *report)
{
    if (SSL_CTX_use_certificate_chain_file(ctx, pair->certificate) != 1)
        return file_error(report, "the certificate", pair->certificate);
    return load_key(ctx, pair, report);
}

/* ---- what both sides have in common */

static enum result set_rules(SSL_CTX *ctx, enum tls_version min_version, struct error *error)
{
    static const int versions[] = {[TLS_1_2] = TLS1_2_VERSION, [TLS_1_3] = TLS1_3_VERSION};
    char reason[TLS_REASON];
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    /* A chain is what the certificate's file has: nothing is looked for at each handshake. */
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    /* A record's head and body, and what follows, come with one system call. */
    SSL_CTX_set_read_ahead(ctx, 1);
    if (SSL_CTX_set_min_proto_version(ctx, versions[min_version]) == 1)
        return OK;
    return error_set(error, FAILED_INPUT, "cannot set min_version: %s", tls_reason(reason));
}

static enum result out_of_memory(struct error *error)
{
    ERR_clear_error();
    return error_set(error, FAILED_SYSTEM, "out of memory for TLS");
}

static enum result context_new(struct tls_context **made, size_t certificates,
                               const SSL_METHOD *method, struct error *error)
{
    struct tls_context *context = mem_alloc(1, sizeof(*context));
    *made = context;
    atomic_store(&context->holders, 1);
    context->certificates = mem_alloc(certificates, sizeof(*context->certificates));
    context->io = tls_io_method();
    while (context->certificate_count < certificates) {
        SSL_CTX *ctx = SSL_CTX_new(method);
        if (!ctx)
            return out_of_memory(error);
        SSL_CTX_set_app_data(ctx, context);
        context->certificates[context->certificate_count++] = ctx;
    }
    return context->io ? OK : out_of_memory(error);
}

struct tls_context *tls_context_hold(struct tls_context *context)
{
    if (context)
        atomic_fetch_add(&context->holders, 1);
    return context;
}

void tls_context_release(struct tls_context **held)
{
    struct tls_context *context = *held;
    *held = NULL;
    if (!context || atomic_fetch_sub(&context->holders, 1) > 1)
        return;
    tls_names_release(context);
    for (size_t i = 0; i < context->certificate_count; i++)
        SSL_CTX_free(context->certificates[i]);
    BIO_meth_free(context->io);
    free(context->certificates);
    free(context);
}

/* ---- servers */

static int choose_certificate(SSL *ssl, int *alert, void *arg)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    SSL_CTX *ctx = name ? tls_names_find(arg, name) : NULL;
    if (ctx)
        SSL_set_SSL_CTX(ssl, ctx);
    return name ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/* Who offers protocols and none of these is refused (RFC 7301 3.2): it would not understand us. */
static int choose_protocol(SSL *ssl, const unsigned char **chosen, unsigned char *length,
                           const unsigned char *offered, unsigned offered_length, void *arg)
{
    unsigned char *found;
    if (SSL_select_next_proto(&found, length, alpn, ALPN_LENGTH, offered, offered_length) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

static enum result rule_error(const struct report *report, const char *what, const char *rule)
{
    char reason[TLS_REASON];
    *report->blamed = rule;
    return error_set(report->error, FAILED_INPUT, "cannot use the %s \"%s\": %s", what, rule,
                     tls_reason(reason));
}

static enum result set_ciphers(SSL_CTX *ctx, const struct tls_server_settings *settings,
                               const struct report *report)
{
    SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    if (settings->ciphers && SSL_CTX_set_cipher_list(ctx, settings->ciphers) != 1)
        return rule_error(report, "ciphers", settings->ciphers);
    if (settings->ciphersuites && SSL_CTX_set_ciphersuites(ctx, settings->ciphersuites) != 1)
        return rule_error(report, "ciphersuites", settings->ciphersuites);
    return OK;
}

static enum result set_client_ca(SSL_CTX *ctx, const struct tls_server_settings *settings,
                                 const struct report *report)
{
    if (settings->ask == TLS_ASK_NONE)
        return OK;
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(settings->client_ca);
    if (!names || SSL_CTX_load_verify_file(ctx, settings->client_ca) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return file_error(report, "the client_ca", settings->client_ca);
    }
    SSL_CTX_set_client_CA_list(ctx, names);
    SSL_CTX_set_verify(
        ctx,
        SSL_VERIFY_PEER | (settings->ask == TLS_ASK_REQUIRED ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
        NULL);
    return OK;
}

static enum result set_up_server(struct tls_context *context, SSL_CTX *ctx,
                                 const struct tls_server_settings *settings,
                                 const struct report *report)
{
    static const unsigned char session_id[] = "tailgate";
    /* Sessions travel in tickets: a cache would be locked by every handshake. */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(ctx, session_id, sizeof(session_id) - 1);
    if (!settings->tickets)
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    /* OpenSSL would send two, for clients that use each once; a second one costs as much as a tenth
     * of a handshake, and who wants to may use one for several connections. */
    SSL_CTX_set_num_tickets(ctx, settings->tickets ? 1 : 0);
    SSL_CTX_set_tlsext_servername_callback(ctx, choose_certificate);
    SSL_CTX_set_tlsext_servername_arg(ctx, context);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    enum result result = set_rules(ctx, settings->min_version, report->error);
    if (result == OK)
        result = set_ciphers(ctx, settings, report);
    return result == OK ? set_client_ca(ctx, settings, report) : result;
}

enum result tls_server_new(struct tls_context **context, const struct tls_server_settings *settings,
                           const char **blamed, struct error *error)
{
    const struct report report = {error, blamed};
    *blamed = NULL;
    enum result result = context_new(context, settings->pair_count, TLS_server_method(), error);
    for (size_t i = 0; i < settings->pair_count && result == OK; i++) {
        SSL_CTX *ctx = (*context)->certificates[i];
        result = set_up_server(*context, ctx, settings, &report);
        if (result == OK)
            result = use_pair(ctx, &settings->pairs[i], &report);
    }
    if (result == OK)
        tls_names_collect(*context);
    else
        tls_context_release(context);
    return result;
}

/* ---- clients */

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_memory *memory = SSL_get_app_data(ssl);
    if (!memory)
        return 0;
    tls_memory_forget(memory);
    memory->session = session;
    memory->context = tls_context_hold(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    return 1;
}

void tls_memory_move(struct tls_memory *to, struct tls_memory *from)
{
    tls_memory_forget(to);
    *to = *from;
    *from = (struct tls_memory){0};
}

void tls_memory_forget(struct tls_memory *memory)
{
    SSL_SESSION_free(memory->session);
    memory->session = NULL;
    tls_context_release(&memory->context);
}

static enum result set_authorities(SSL_CTX *ctx, const struct tls_client_settings *settings,
                                   const struct report *report)
{
    if (!settings->verify)
        return OK;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    if (!settings->ca)
        return SSL_CTX_set_default_verify_paths(ctx) == 1
                   ? OK
                   : file_error(report, "the certificates", "of the system's store");
    return SSL_CTX_load_verify_file(ctx, settings->ca) == 1
               ? OK
               : file_error(report, "the ca", settings->ca);
}

enum result tls_client_new(struct tls_context **context, const struct tls_client_settings *settings,
                           const char **blamed, struct error *error)
{
    const struct report report = {error, blamed};
    *blamed = NULL;
    enum result result = context_new(context, 1, TLS_client_method(), error);
    SSL_CTX *ctx = result == OK ? (*context)->certificates[0] : NULL;
    if (result == OK)
        result = set_rules(ctx, settings->min_version, error);
    if (result == OK)
        result = set_authorities(ctx, settings, &report);
    if (result == OK && settings->pair.certificate)
        result = use_pair(ctx, &settings->pair, &report);
    if (result != OK) {
        tls_context_release(context);
        return result;
    }
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, keep_session);
    /* 0 is success here. */
    if (SSL_CTX_set_alpn_protos(ctx, alpn, ALPN_FIRST) == 0)
        return OK;
    tls_context_release(context);
    return out_of_memory(error);
}
