/* SPDX-License-Identifier: MIT */
#include "proxy/config/config_health.h"

#include "proxy/config/effect.h"

/* clang-format off */
#define KEY(key_name, key_type, holder, member, ...)                                               \
    {.name = (key_name), .type = (key_type), .offset = offsetof(holder, member), __VA_ARGS__}

#define FAILURE_NAME(id, name) [FAILURE_BIT_##id] = (name),
const char *const failure_kind_names[FAILURE_BIT_COUNT + 1] = {FAILURE_KINDS(FAILURE_NAME)};

static const struct conf_key passive_keys[] = {
    KEY("consecutive", CONF_INT, struct passive_config, consecutive, .otherwise = "0", .max = 1000000,
        .meaning = "Failures in a row that eject an endpoint; 0 = off."),
    KEY("failure_share", CONF_SHARE, struct passive_config, failure_share, .otherwise = "0%", .max = 1,
        .meaning = "Share of failures in the window that ejects an endpoint; 0% = off."),
    KEY("minimum", CONF_INT, struct passive_config, minimum, .otherwise = "20", .min = 1, .max = 1000000,
        .meaning = "Requests to the endpoint in the window before the share counts."),
    KEY("window", CONF_DURATION, struct passive_config, window, .otherwise = "10s", .min = 1e7, .max = 3.6e12,
        .meaning = "How far back the share looks."),
    KEY("latency", CONF_DURATION, struct passive_config, latency, .otherwise = "0s",
        .meaning = "A response whose first byte took longer counts as a failure; 0s = off."),
    KEY("counts", CONF_FLAGS, struct passive_config, counts, .otherwise = "connect,timeout,closed",
        .choices = failure_kind_names, .meaning = "What counts as a failure of the endpoint."),
    KEY("eject_for", CONF_DURATION, struct passive_config, eject_for, .otherwise = "10s", .min = 1e6, .max = 8.64e13,
        .meaning = "How long an endpoint is left out; twice as long each time it is ejected again soon."),
    KEY("eject_longest", CONF_DURATION, struct passive_config, eject_longest, .otherwise = "5m", .min = 1e6, .max = 8.64e13,
        .meaning = "The longest an endpoint is left out."),
    KEY("max_ejected", CONF_SHARE, struct passive_config, max_ejected, .otherwise = "50%", .max = 1,
        .meaning = "Share of the upstream's endpoints that may be ejected at a time; at least one of several, but "
                   "none with 0%, which only counts."),
};
static enum result check_passive(struct conf_read *read, void *object, const struct cJSON *item)
{
    const struct passive_config *config = object;
    if (config->latency.ns > 0 && !passive_is_on(config))
        return conf_fail(read, conf_member(item, "latency"),
                         "\"latency\" says what a failure is; \"consecutive\" or \"failure_share\" must say how many eject");
    if (config->eject_longest.ns < config->eject_for.ns)
        return conf_fail(read, conf_member(item, "eject_longest"),
                         "\"eject_longest\" must not be shorter than \"eject_for\"");
    bool on = passive_is_on(config), share = config->failure_share > 0;
    const char *without = "without \"consecutive\" or \"failure_share\", which eject endpoints";
    const struct effect effects[] = {
        {"counts", on, without}, {"eject_for", on, without}, {"eject_longest", on, without},
        {"max_ejected", on, without},
        {"counts", config->counts != 0 || config->latency.ns > 0,
         "when it names nothing: without \"latency\", nothing would be a failure then"},
        {"minimum", share, "without \"failure_share\""}, {"window", share, "without \"failure_share\""},
    };
    return effects_check(read, item, effects, ARRAY_LEN(effects));
}
static const struct conf_table passive_table = {
    .name = "passive", .meaning = "Endpoints whose requests fail are ejected for a while; off unless "
                                  "\"consecutive\" or \"failure_share\" is given.",
    .size = sizeof(struct passive_config), .keys = passive_keys, .key_count = ARRAY_LEN(passive_keys),
    .check = check_passive, .item_offset = CONF_NO_ITEM,
};

static const char *const probe_kinds[] = {"http", "tcp", NULL};
static const struct conf_key active_keys[] = {
    KEY("kind", CONF_ENUM, struct active_config, kind, .flags = CONF_REQUIRED, .choices = probe_kinds,
        .meaning = "http: a GET must be answered with an expected status; tcp: a connection must be accepted."),
    KEY("path", CONF_STRING, struct active_config, path, .otherwise = "/", .flags = CONF_NOT_EMPTY,
        .meaning = "Target of the request."),
    KEY("host", CONF_STRING, struct active_config, host, .flags = CONF_NOT_EMPTY,
        .meaning = "Host of the request; absent = the endpoint's address."),
    KEY("statuses", CONF_LIST, struct active_config, statuses, .element = CONF_INT, .min = 100, .max = 599,
        .flags = CONF_NOT_EMPTY,
        .meaning = "Statuses of a healthy endpoint; absent = 200 to 399."),
    KEY("interval", CONF_DURATION, struct active_config, interval, .otherwise = "5s", .min = 1e7, .max = 8.64e13,
        .meaning = "Between two questions to one endpoint."),
    KEY("jitter", CONF_SHARE, struct active_config, jitter, .otherwise = "10%", .max = 0.5,
        .meaning = "The interval is drawn anew each time, shorter or longer by this share at most; 0% = "
                   "always the same."),
    KEY("timeout", CONF_DURATION, struct active_config, timeout, .otherwise = "1s", .min = 1e6, .max = 8.64e13,
        .meaning = "How long an answer may take, the connection included."),
    KEY("rise", CONF_INT, struct active_config, rise, .otherwise = "2", .min = 1, .max = 1000,
        .meaning = "Good answers in a row until an endpoint is used again."),
    KEY("fall", CONF_INT, struct active_config, fall, .otherwise = "3", .min = 1, .max = 1000,
        .meaning = "Bad answers in a row until an endpoint is no longer used."),
};
static enum result check_active(struct conf_read *read, void *object, const struct cJSON *item)
{
    const struct active_config *config = object;
    static const char *const of_http[] = {"path", "host", "statuses"};
    for (size_t i = 0; config->kind != PROBE_HTTP && i < ARRAY_LEN(of_http); i++)
        if (conf_member(item, of_http[i]))
            return conf_fail(read, conf_member(item, of_http[i]), "\"%s\" is for kind http", of_http[i]);
    for (const char *at = config->path; *at; at++)
        if (config->path[0] != '/' || *at <= ' ' || *at == 0x7f)
            return conf_fail(read, conf_member(item, "path"),
                             "\"path\" must start with \"/\" and hold no space, not \"%s\"", config->path);
    for (const char *at = config->host ? config->host : ""; *at; at++)
        if (*at <= ' ' || *at == 0x7f)
            return conf_fail(read, conf_member(item, "host"),
                             "\"host\" must hold no space, not \"%s\"", config->host);
    return OK;
}
static const struct conf_table active_table = {
    .name = "active", .meaning = "Endpoints are asked for their health; one that does not answer well is not used.",
    .size = sizeof(struct active_config), .keys = active_keys, .key_count = ARRAY_LEN(active_keys),
    .check = check_active, .item_offset = CONF_NO_ITEM,
};

static const struct conf_key health_keys[] = {
    KEY("passive", CONF_OBJECT, struct health_config, passive, .sub = &passive_table,
        .meaning = "Ejection of endpoints whose requests fail."),
    KEY("active", CONF_OBJECT, struct health_config, active, .sub = &active_table,
        .meaning = "Questions to the endpoints; absent = none."),
    KEY("panic_threshold", CONF_SHARE, struct health_config, panic_threshold, .otherwise = "25%", .max = 1,
        .meaning = "With a smaller share of endpoints in health, all are used; 0% = never, and with none "
                   "left requests are answered with 503."),
    KEY("slow_start", CONF_DURATION, struct health_config, slow_start, .otherwise = "0s", .max = 8.64e13,
        .meaning = "How long a restored endpoint takes from a tenth of its share to all of it; 0s = at once."),
};
static enum result check_health(struct conf_read *read, void *object, const struct cJSON *item)
{
    const struct health_config *config = object;
    bool judged = passive_is_on(&config->passive) || config->active.interval.ns > 0;
    const char *without = "without \"active\" or a \"passive\" that ejects: every endpoint is fit";
    const struct effect effects[] = {{"panic_threshold", judged, without}, {"slow_start", judged, without}};
    return effects_check(read, item, effects, ARRAY_LEN(effects));
}
const struct conf_table health_conf_table = {
    .name = "health", .meaning = "Which endpoints are fit to be used.",
    .size = sizeof(struct health_config), .keys = health_keys, .key_count = ARRAY_LEN(health_keys),
    .check = check_health,
    .item_offset = CONF_NO_ITEM,
};
/* clang-format on */
