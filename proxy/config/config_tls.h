/* SPDX-License-Identifier: MIT */
/* The configuration's "tls" objects. */
#ifndef TAILGATE_PROXY_CONFIG_CONFIG_TLS_H
#define TAILGATE_PROXY_CONFIG_CONFIG_TLS_H

#include "lib/conf/conf.h"

extern const struct conf_table listener_tls_table, upstream_tls_table;

struct certificate_config {
    const char *certificate, *key; /* PEM files */
    const struct cJSON *item;
};

struct listener_tls_config {
    const char *certificate, *key;
    struct conf_list certificates; /* struct certificate_config, for further server names */
    int min_version;               /* enum tls_version */
    const char *ciphers, *ciphersuites;
    int client_certificate; /* enum tls_ask */
    const char *client_ca;
    /* Fields that tell the upstream of a client's certificate; NULL = none. */
    const char *subject_field, *certificate_field;
    bool tickets;
    const struct cJSON *item; /* NULL: the listener has no TLS */
};

struct upstream_tls_config {
    bool verify;
    const char *ca;          /* NULL = the system's store */
    const char *server_name; /* NULL = the endpoint's host */
    const char *certificate, *key;
    int min_version;
    const struct cJSON *item; /* NULL: the endpoints speak plain HTTP */
};

#endif
