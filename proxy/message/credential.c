/* SPDX-License-Identifier: MIT */
#include "proxy/message/credential.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/memory.h"
#include "proxy/message/forward.h"

static char *text_of(struct buf *value)
{
    buf_append(value, "", 1);
    char *text = mem_text(buf_head(value));
    buf_free(value);
    return text;
}

static char *subject_of(const struct conn *conn)
{
    struct buf value = {0};
    return tls_peer_subject(conn, &value) ? text_of(&value) : NULL;
}

/* As RFC 9440 2.2 has it: a byte sequence of RFC 8941. */
static char *certificate_of(const struct conn *conn)
{
    struct buf value = {0};
    buf_append(&value, ":", 1);
    if (!tls_peer_certificate(conn, &value)) {
        buf_free(&value);
        return NULL;
    }
    buf_append(&value, ":", 1);
    return text_of(&value);
}

void credential_release(struct client *client)
{
    if (!client->credential)
        return;
    free(client->credential->subject);
    free(client->credential->certificate);
    free(client->credential);
    client->credential = NULL;
}

const struct listener_tls_config *credential_fields(const struct client *client)
{
    const struct listener_tls_config *tls = &client->entrance->config->tls;
    return tls->subject_field || tls->certificate_field ? tls : NULL;
}

bool credential_is_field(const struct proxy_config *config, struct http_span name)
{
    const char *const *fields = config->credential_fields.items;
    for (size_t i = 0; i < config->credential_fields.count; i++)
        if (http_name_reads_as(name, fields[i]))
            return true;
    return false;
}

static void append(struct buf *out, const char *name, const char *value,
                   const struct header_rules *rules)
{
    if (value && !header_rules_drop(rules, name, strlen(name)))
        buf_printf(out, "%s: %s\r\n", name, value);
}

void credential_append(struct buf *out, struct client *client, const struct header_rules *rules)
{
    const struct listener_tls_config *fields = credential_fields(client);
    if (!fields)
        return;
    if (!client->credential)
        client->credential = mem_alloc(1, sizeof(*client->credential));
    struct credential *credential = client->credential;
    if (fields->subject_field && !credential->subject)
        credential->subject = subject_of(&client->conn);
    if (fields->certificate_field && !credential->certificate)
        credential->certificate = certificate_of(&client->conn);
    if (fields->subject_field)
        append(out, fields->subject_field, credential->subject, rules);
    if (fields->certificate_field)
        append(out, fields->certificate_field, credential->certificate, rules);
}
