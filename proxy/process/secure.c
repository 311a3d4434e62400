/* SPDX-License-Identifier: MIT */
#include "proxy/process/secure.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

/* ---- the place in the file */

/* The text `setting` among what is in a "tls" object; the object itself when it is not there. */
static const struct cJSON *find_setting(const struct cJSON *tls, const char *setting)
{
    const struct cJSON *item, *list, *found = tls;
    cJSON_ArrayForEach(item, tls)
    {
        if (setting && cJSON_IsString(item) && strcmp(item->valuestring, setting) == 0)
            return item;
    }
    cJSON_ArrayForEach(list, conf_member(tls, "certificates"))
    {
        if (found == tls && find_setting(list, setting) != list)
            found = find_setting(list, setting);
    }
    return found;
}

static enum result at(const struct conf_doc *doc, const struct cJSON *tls, const char *blamed,
                      struct error *error)
{
    struct error cause = *error;
    return conf_error_at(doc, find_setting(tls, blamed), error, "%s", cause.text);
}

/* ---- listeners */

static enum result build_listener(struct tls_context **context, const struct conf_doc *doc,
                                  const struct listener_tls_config *tls, struct error *error)
{
    const struct certificate_config *further = tls->certificates.items;
    size_t count = tls->certificates.count + 1;
    struct tls_pair *pairs = mem_alloc(count, sizeof(*pairs));
    pairs[0] = (struct tls_pair){tls->certificate, tls->key};
    for (size_t i = 1; i < count; i++)
        pairs[i] = (struct tls_pair){further[i - 1].certificate, further[i - 1].key};
    const struct tls_server_settings settings = {.pairs = pairs,
                                                 .pair_count = count,
                                                 .min_version = (enum tls_version)tls->min_version,
                                                 .ciphers = tls->ciphers,
                                                 .ciphersuites = tls->ciphersuites,
                                                 .ask = (enum tls_ask)tls->client_certificate,
                                                 .client_ca = tls->client_ca,
                                                 .tickets = tls->tickets};
    const char *blamed;
    enum result result = tls_server_new(context, &settings, &blamed, error);
    free(pairs);
    return result == FAILED_INPUT ? at(doc, tls->item, blamed, error) : result;
}

/* ---- upstreams */

char *secure_name(const struct upstream_config *upstream, const struct endpoint_config *endpoint)
{
    static const char unix_prefix[] = "unix:";
    const struct upstream_tls_config *tls = &upstream->tls;
    const char *address = endpoint->address;
    if (tls->server_name || endpoint->dns)
        return mem_text(tls->server_name ? tls->server_name : endpoint->from.domain);
    const char *end = strrchr(address, ':');
    if (!end || strncmp(address, unix_prefix, sizeof(unix_prefix) - 1) == 0)
        return NULL;
    if (address[0] == '[') {
        address++;
        end--;
    }
    char *name = mem_alloc((size_t)(end - address) + 1, 1);
    memcpy(name, address, (size_t)(end - address));
    return name;
}

static enum result check_names(const struct conf_doc *doc, const struct upstream_config *upstream,
                               struct error *error)
{
    const struct endpoint_config *endpoints = upstream->endpoints.items;
    for (size_t i = 0; i < upstream->endpoints.count && upstream->tls.verify; i++) {
        char *name = secure_name(upstream, &endpoints[i]);
        if (!name)
            return conf_error_at(doc, upstream->tls.item, error,
                                 "the endpoint %s has no host that its certificate could be for: "
                                 "add \"server_name\"",
                                 endpoints[i].address);
        free(name);
    }
    return OK;
}

static enum result build_upstream(struct tls_context **context, const struct conf_doc *doc,
                                  const struct upstream_config *upstream, struct error *error)
{
    const struct upstream_tls_config *tls = &upstream->tls;
    const struct tls_client_settings settings = {.verify = tls->verify,
                                                 .ca = tls->ca,
                                                 .pair = {tls->certificate, tls->key},
                                                 .min_version = (enum tls_version)tls->min_version};
    enum result result = check_names(doc, upstream, error);
    if (result != OK)
        return result;
    const char *blamed;
    result = tls_client_new(context, &settings, &blamed, error);
    return result == FAILED_INPUT ? at(doc, tls->item, blamed, error) : result;
}

/* ---- all of them */

static void make_room(struct secure *secure, const struct proxy_config *config)
{
    secure->listener_count = config->listeners.count;
    secure->upstream_count = config->upstreams.count;
    secure->listeners = mem_alloc(secure->listener_count, sizeof(struct tls_context *));
    secure->upstreams = mem_alloc(secure->upstream_count, sizeof(struct tls_context *));
}

enum result secure_build(struct secure *secure, const struct conf_doc *doc,
                         const struct proxy_config *config, struct error *error)
{
    const struct listener_config *listeners = config->listeners.items;
    const struct upstream_config *upstreams = config->upstreams.items;
    enum result result = OK;
    make_room(secure, config);
    for (size_t i = 0; i < secure->listener_count && result == OK; i++)
        if (listeners[i].tls.item)
            result = build_listener(&secure->listeners[i], doc, &listeners[i].tls, error);
    for (size_t i = 0; i < secure->upstream_count && result == OK; i++)
        if (upstreams[i].tls.item)
            result = build_upstream(&secure->upstreams[i], doc, &upstreams[i], error);
    if (result != OK)
        secure_release(secure);
    return result;
}

enum result secure_share(struct secure *secure, const struct secure *from,
                         const struct conf_doc *doc, const struct proxy_config *config,
                         struct error *error)
{
    const struct upstream_config *upstreams = config->upstreams.items;
    enum result result = OK;
    make_room(secure, config);
    for (size_t i = 0; i < secure->listener_count; i++)
        secure->listeners[i] = tls_context_hold(from->listeners[i]);
    for (size_t i = 0; i < secure->upstream_count && result == OK; i++) {
        secure->upstreams[i] = tls_context_hold(from->upstreams[i]);
        if (secure->upstreams[i])
            result = check_names(doc, &upstreams[i], error);
    }
    if (result != OK)
        secure_release(secure);
    return result;
}

void secure_release(struct secure *secure)
{
    for (size_t i = 0; i < secure->listener_count; i++)
        tls_context_release(&secure->listeners[i]);
    for (size_t i = 0; i < secure->upstream_count; i++)
        tls_context_release(&secure->upstreams[i]);
    free(secure->listeners);
    free(secure->upstreams);
    *secure = (struct secure){0};
}

/* ---- what is odd about the files */

struct inspection {
    const struct conf_doc *doc;
    const struct cJSON *tls;
    secure_say *say;
    void *arg;
};

static void say_at(void *arg, const char *file, const char *text)
{
    const struct inspection *inspection = arg;
    struct error message;
    (void)conf_error_at(inspection->doc, find_setting(inspection->tls, file), &message, "%s %s",
                        file, text);
    inspection->say(inspection->arg, message.text);
}

static void inspect_listener(struct inspection *inspection, const struct listener_tls_config *tls)
{
    const struct certificate_config *further = tls->certificates.items;
    inspection->tls = tls->item;
    tls_inspect(&(struct tls_pair){tls->certificate, tls->key}, say_at, inspection);
    for (size_t i = 0; i < tls->certificates.count; i++)
        tls_inspect(&(struct tls_pair){further[i].certificate, further[i].key}, say_at, inspection);
}

void secure_inspect(const struct conf_doc *doc, const struct proxy_config *config, secure_say *say,
                    void *arg)
{
    struct inspection inspection = {.doc = doc, .say = say, .arg = arg};
    const struct listener_config *listeners = config->listeners.items;
    const struct upstream_config *upstreams = config->upstreams.items;
    for (size_t i = 0; i < config->listeners.count; i++)
        if (listeners[i].tls.item)
            inspect_listener(&inspection, &listeners[i].tls);
    for (size_t i = 0; i < config->upstreams.count; i++) {
        const struct upstream_tls_config *tls = &upstreams[i].tls;
        inspection.tls = tls->item;
        if (tls->item && tls->certificate)
            tls_inspect(&(struct tls_pair){tls->certificate, tls->key}, say_at, &inspection);
    }
}
