/* SPDX-License-Identifier: MIT */
#include "proxy/config/config_tls.h"

#include <string.h>
#include <strings.h>

#include "lib/http/chunk.h"
#include "lib/http/head.h"
#include "proxy/config/config_route.h"
#include "proxy/config/effect.h"

/* clang-format off */
#define KEY(key_name, key_type, holder, member, ...)                                               \
    {.name = (key_name), .type = (key_type), .offset = offsetof(holder, member), __VA_ARGS__}

/* In the order of enum tls_version and enum tls_ask. */
static const char *const versions[] = {"1.2", "1.3", NULL};
static const char *const asks[] = {"none", "optional", "required", NULL};

static const struct conf_key certificate_keys[] = {
    KEY("certificate", CONF_STRING, struct certificate_config, certificate,
        .flags = CONF_REQUIRED | CONF_NOT_EMPTY,
        .meaning = "PEM file: the certificate, followed by those between it and the root."),
    KEY("key", CONF_STRING, struct certificate_config, key, .flags = CONF_REQUIRED | CONF_NOT_EMPTY,
        .meaning = "PEM file: its private key, without a passphrase."),
};
static const struct conf_table certificate_table = {
    .name = "certificate", .meaning = "A certificate and its key.",
    .size = sizeof(struct certificate_config), .keys = certificate_keys,
    .key_count = ARRAY_LEN(certificate_keys),
    .item_offset = offsetof(struct certificate_config, item),
};

static const struct conf_key listener_tls_keys[] = {
    KEY("certificate", CONF_STRING, struct listener_tls_config, certificate,
        .flags = CONF_REQUIRED | CONF_NOT_EMPTY,
        .meaning = "PEM file: the certificate, followed by those between it and the root. It is shown "
                   "to clients that ask for no server name, or for one no other certificate has."),
    KEY("key", CONF_STRING, struct listener_tls_config, key, .flags = CONF_REQUIRED | CONF_NOT_EMPTY,
        .meaning = "PEM file: its private key, without a passphrase."),
    KEY("certificates", CONF_LIST, struct listener_tls_config, certificates,
        .sub = &certificate_table,
        .meaning = "Further certificates; each is for the server names in it."),
    KEY("min_version", CONF_ENUM, struct listener_tls_config, min_version, .otherwise = "1.2",
        .choices = versions, .meaning = "The oldest version of TLS that is accepted."),
    KEY("ciphers", CONF_STRING, struct listener_tls_config, ciphers,
        .otherwise = "ECDHE+AESGCM:ECDHE+CHACHA20", .flags = CONF_NOT_EMPTY,
        .meaning = "Ciphers of TLS 1.2, best first, as OpenSSL lists them."),
    KEY("ciphersuites", CONF_STRING, struct listener_tls_config, ciphersuites,
        .otherwise = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256",
        .flags = CONF_NOT_EMPTY,
        .meaning = "Ciphers of TLS 1.3, best first, as OpenSSL lists them."),
    KEY("client_certificate", CONF_ENUM, struct listener_tls_config, client_certificate,
        .otherwise = "none", .choices = asks,
        .meaning = "Whether clients are asked for a certificate: not at all, or they may show one, or "
                   "they must. One that is shown must be good either way."),
    KEY("client_ca", CONF_STRING, struct listener_tls_config, client_ca, .flags = CONF_NOT_EMPTY,
        .meaning = "PEM file: the authorities that sign clients' certificates."),
    KEY("subject_field", CONF_STRING, struct listener_tls_config, subject_field,
        .flags = CONF_NOT_EMPTY,
        .meaning = "The field of a request that tells the upstream the subject of the client's "
                   "certificate, as \"CN=alice,O=Example\". What clients send under this name is not "
                   "passed on."),
    KEY("certificate_field", CONF_STRING, struct listener_tls_config, certificate_field,
        .flags = CONF_NOT_EMPTY,
        .meaning = "The field that hands on the certificate itself, as RFC 9440 does in "
                   "\"Client-Cert\". What clients send under this name is not passed on."),
    KEY("tickets", CONF_BOOL, struct listener_tls_config, tickets, .otherwise = "true",
        .meaning = "Whether clients may resume sessions, which saves most of a handshake's work."),
};
#define FIELD_NAME(id, name) name,
/* One that means something else to the gateway or to HTTP. */
static bool is_own_field(const char *name)
{
    static const char *const own[] = {HTTP_FIELDS(FIELD_NAME) "cookie", "authorization",
                                      "content-type", "accept", "user-agent"};
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        if (strcasecmp(own[i], name) == 0)
            return true;
    return false;
}

static enum result check_field(struct conf_read *read, const struct listener_tls_config *tls,
                               const char *key, const char *name)
{
    const struct cJSON *at = conf_member(tls->item, key);
    if (!name)
        return OK;
    if (!tls->client_certificate)
        return conf_fail(read, at, "\"%s\" has no effect without \"client_certificate\": "
                         "\"optional\" or \"required\"", key);
    if (strlen(name) >= CHUNK_NAME_SIZE)
        return conf_fail(read, at, "\"%s\" is too long for a field's name (expected at most %d letters)",
                         name, CHUNK_NAME_SIZE - 1);
    if (is_own_field(name))
        return conf_fail(read, at, "\"%s\" is a field that clients or the gateway write for other ends "
                         "(expected a name of its own, such as \"X-Client-Subject\")", name);
    return header_name_check(read, name, at);
}
static enum result check_listener_tls(struct conf_read *read, void *object,
                                      const struct cJSON *item)
{
    const struct listener_tls_config *tls = object;
    bool asks_clients = tls->client_certificate != 0, speaks_1_2 = tls->min_version == 0;
    const struct effect effects[] = {
        {"ciphers", speaks_1_2, "with \"min_version\" 1.3, whose ciphers are \"ciphersuites\""}};
    if (effects_check(read, item, effects, ARRAY_LEN(effects)) != OK)
        return FAILED_INPUT;
    if (asks_clients && !tls->client_ca)
        return conf_fail(read, conf_member(item, "client_certificate"),
                         "\"client_certificate\" needs \"client_ca\": the authorities that sign "
                         "clients' certificates");
    if (tls->client_ca && !asks_clients)
        return conf_fail(read, conf_member(item, "client_ca"),
                         "\"client_ca\" has no effect without \"client_certificate\": \"optional\" or "
                         "\"required\"");
    enum result result = check_field(read, tls, "subject_field", tls->subject_field);
    if (result == OK && tls->subject_field && tls->certificate_field &&
        strcasecmp(tls->subject_field, tls->certificate_field) == 0)
        return conf_fail(read, conf_member(item, "certificate_field"),
                         "\"subject_field\" and \"certificate_field\" are the same field");
    return result == OK ? check_field(read, tls, "certificate_field", tls->certificate_field)
                        : result;
}
const struct conf_table listener_tls_table = {
    .name = "listener_tls", .meaning = "TLS with clients.",
    .size = sizeof(struct listener_tls_config), .keys = listener_tls_keys,
    .key_count = ARRAY_LEN(listener_tls_keys), .check = check_listener_tls,
    .item_offset = offsetof(struct listener_tls_config, item),
};

static const struct conf_key upstream_tls_keys[] = {
    KEY("verify", CONF_BOOL, struct upstream_tls_config, verify, .otherwise = "true",
        .meaning = "Whether an endpoint must show a certificate that is good and has its name."),
    KEY("ca", CONF_STRING, struct upstream_tls_config, ca, .flags = CONF_NOT_EMPTY,
        .meaning = "PEM file: the authorities that sign endpoints' certificates; absent = the "
                   "system's."),
    KEY("server_name", CONF_STRING, struct upstream_tls_config, server_name,
        .flags = CONF_NOT_EMPTY,
        .meaning = "The name that is asked for (SNI) and that the certificate must have; absent = the "
                   "endpoint's host as its address says it."),
    KEY("certificate", CONF_STRING, struct upstream_tls_config, certificate,
        .flags = CONF_NOT_EMPTY,
        .meaning = "PEM file: the certificate shown to endpoints that ask for one."),
    KEY("key", CONF_STRING, struct upstream_tls_config, key, .flags = CONF_NOT_EMPTY,
        .meaning = "PEM file: its private key, without a passphrase."),
    KEY("min_version", CONF_ENUM, struct upstream_tls_config, min_version, .otherwise = "1.2",
        .choices = versions, .meaning = "The oldest version of TLS that is accepted."),
};
static enum result check_upstream_tls(struct conf_read *read, void *object,
                                      const struct cJSON *item)
{
    const struct upstream_tls_config *tls = object;
    if (!tls->certificate != !tls->key)
        return conf_fail(read, conf_member(item, tls->key ? "key" : "certificate"),
                         "\"certificate\" and \"key\" belong together: \"%s\" is missing",
                         tls->key ? "certificate" : "key");
    if (tls->ca && !tls->verify)
        return conf_fail(read, conf_member(item, "ca"),
                         "\"ca\" has no effect with \"verify\": false");
    return OK;
}
const struct conf_table upstream_tls_table = {
    .name = "upstream_tls", .meaning = "TLS with the endpoints.",
    .size = sizeof(struct upstream_tls_config), .keys = upstream_tls_keys,
    .key_count = ARRAY_LEN(upstream_tls_keys), .check = check_upstream_tls,
    .item_offset = offsetof(struct upstream_tls_config, item),
};
/* clang-format on */
