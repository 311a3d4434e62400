/* SPDX-License-Identifier: MIT */
#include "proxy/config/config_flow.h"

#include "proxy/config/config_route.h"
#include "proxy/config/effect.h"

/* clang-format off */
#define KEY(key_name, key_type, holder, member, ...)                                               \
    {.name = (key_name), .type = (key_type), .offset = offsetof(holder, member), __VA_ARGS__}

static const char *const rate_modes[] = {
    [RATE_REJECT] = "reject", [RATE_QUEUE] = "queue", [RATE_WARM_UP] = "warm_up", NULL};
static const char *const rate_pers[] = {
    [RATE_PER_ROUTE] = "route", [RATE_PER_CLIENT] = "client", [RATE_PER_HEADER] = "header", NULL};

static const struct conf_key rate_limit_keys[] = {
    KEY("rate", CONF_RATE, struct rate_limit_config, rate, .flags = CONF_REQUIRED, .min = 0.0001,
        .max = 1000000, .meaning = "Requests let through, across all workers."),
    KEY("burst", CONF_INT, struct rate_limit_config, burst, .otherwise = "0", .max = 1000000,
        .meaning = "Requests let through at once after a quiet time; 0 = as many as the rate lets "
                   "through in 100 ms, but one at least, and one in mode queue."),
    KEY("mode", CONF_ENUM, struct rate_limit_config, mode, .otherwise = "reject",
        .choices = rate_modes,
        .meaning = "What becomes of requests above the rate: reject refuses them; queue lets them "
                   "wait, so that they go on evenly spaced; warm_up refuses them, and begins with a "
                   "lower rate."),
    KEY("status", CONF_INT, struct rate_limit_config, status, .otherwise = "429", .min = 400,
        .max = 599, .meaning = "Status of a refusal, which has a Retry-After: 429, or 503 for clients "
                               "that know no other."),
    KEY("per", CONF_ENUM, struct rate_limit_config, per, .otherwise = "route", .choices = rate_pers,
        .meaning = "Whose requests are counted together: all of the route, each client's (an IPv6 "
                   "client's with those of its /64), or those with the same value of the header field "
                   "\"name\" (those without it count as one)."),
    KEY("name", CONF_STRING, struct rate_limit_config, name, .flags = CONF_NOT_EMPTY,
        .meaning = "The header field of \"per\": \"header\"."),
    KEY("keys", CONF_INT, struct rate_limit_config, keys, .otherwise = "4096", .min = 1,
        .max = 1000000, .meaning = "Clients or values that can be told apart while they are being "
                                   "limited; those beyond share one limit, and are counted."),
    KEY("max_wait", CONF_DURATION, struct rate_limit_config, max_wait, .otherwise = "1s",
        .meaning = "Mode queue: a request whose turn would come later is refused at once."),
    KEY("queue", CONF_INT, struct rate_limit_config, queue, .otherwise = "1024", .min = 1,
        .max = 1000000, .meaning = "Mode queue: requests that may wait, for each client or value."),
    KEY("warm_up", CONF_DURATION, struct rate_limit_config, warm_up, .otherwise = "10s",
        .min = 1000000, .max = 3.6e12,
        .meaning = "Mode warm_up: how long the rate takes to rise under load, and to fall without."),
    KEY("cold", CONF_SHARE, struct rate_limit_config, cold, .otherwise = "33%", .min = 0.01,
        .max = 1, .meaning = "Mode warm_up: the rate at the start, as a share of the full one."),
};

static const char *const baselines[] = {
    [BASELINE_AVERAGE] = "average", [BASELINE_PROBE] = "probe", NULL};

static const struct conf_key concurrency_probe_keys[] = {
    KEY("every", CONF_DURATION, struct concurrency_probe, every, .otherwise = "1m", .min = 1e9,
        .max = 8.64e13, .meaning = "From one probe to the next; the first comes at the start. It comes "
                                   "early when the limit has been at \"min\" for five windows."),
    KEY("jitter", CONF_SHARE, struct concurrency_probe, jitter, .otherwise = "15%", .max = 0.9,
        .meaning = "By how much that varies, up or down, so that gateways do not probe together."),
    KEY("requests", CONF_INT, struct concurrency_probe, requests, .otherwise = "50", .min = 10,
        .max = 10000, .meaning = "Requests it takes the mean latency of."),
    KEY("limit", CONF_INT, struct concurrency_probe, limit, .otherwise = "3", .min = 1, .max = 1000,
        .meaning = "Requests under way at a time while it lasts: so few that none waits for another "
                   "at the service."),
    KEY("longest", CONF_DURATION, struct concurrency_probe, longest, .otherwise = "5s", .min = 1e7,
        .max = 6e11, .meaning = "A probe that has not seen enough by then is given up, and nothing "
                                "is learnt from it."),
};
static const struct conf_table concurrency_probe_table = {
    .name = "concurrency_probe",
    .meaning = "When and how the latency without a queue is measured.",
    .size = sizeof(struct concurrency_probe), .keys = concurrency_probe_keys,
    .key_count = ARRAY_LEN(concurrency_probe_keys), .item_offset = CONF_NO_ITEM,
};

static const struct conf_key concurrency_keys[] = {
    KEY("limit", CONF_INT, struct concurrency_config, limit, .flags = CONF_REQUIRED, .min = 1,
        .max = 1000000,
        .meaning = "Requests under way at a time, across all workers; those beyond are refused with a "
                   "503. With \"adaptive\" the limit at the start."),
    KEY("adaptive", CONF_BOOL, struct concurrency_config, adaptive, .otherwise = "false",
        .meaning = "Whether the limit follows latency: down while requests take longer than they should "
                   "(see \"baseline\"), up by its square root otherwise."),
    KEY("min", CONF_INT, struct concurrency_config, min, .otherwise = "4", .min = 1, .max = 1000000,
        .meaning = "Adaptive: the limit never falls below."),
    KEY("max", CONF_INT, struct concurrency_config, max, .otherwise = "1000", .min = 1,
        .max = 1000000, .meaning = "Adaptive: the limit never rises above."),
    KEY("tolerance", CONF_SHARE, struct concurrency_config, tolerance, .otherwise = "150%", .min = 1,
        .max = 10, .meaning = "Adaptive: latency up to this share of the baseline is no reason to "
                              "lower the limit."),
    KEY("smoothing", CONF_SHARE, struct concurrency_config, smoothing, .otherwise = "20%",
        .min = 0.01, .max = 1, .meaning = "Adaptive: how much of a change each window makes."),
    KEY("window", CONF_DURATION, struct concurrency_config, window, .otherwise = "100ms",
        .min = 1e6, .max = 6e10, .meaning = "Adaptive: how often the limit is looked at; with fewer "
                                            "than 10 requests later."),
    KEY("baseline", CONF_ENUM, struct concurrency_config, baseline, .otherwise = "average",
        .choices = baselines,
        .meaning = "Adaptive: how long requests should take. average: as long as they did in the long "
                   "term, which an overload that lasts becomes part of, so that the limit creeps up; "
                   "probe: as long as they do while very few are let through, which is measured from "
                   "time to time. Meanwhile others wait in the \"queue\", or are refused where it "
                   "has no room."),
    KEY("memory", CONF_DURATION, struct concurrency_config, memory, .otherwise = "1m",
        .min = 1e8, .max = 8.64e13, .meaning = "Baseline average: how long the long term is."),
    KEY("probe", CONF_OBJECT, struct concurrency_config, probe, .sub = &concurrency_probe_table,
        .meaning = "Baseline probe: when and how the latency without a queue is measured."),
    KEY("queue", CONF_INT, struct concurrency_config, queue, .otherwise = "0", .max = 1000000,
        .meaning = "Requests beyond the limit that may wait, across all workers; 0 = none."),
    KEY("max_wait", CONF_DURATION, struct concurrency_config, max_wait, .otherwise = "100ms",
        .meaning = "And for how long; then they are refused."),
};

static const struct conf_key hedge_keys[] = {
    KEY("delay", CONF_DURATION, struct hedge_config, delay, .otherwise = "0s",
        .meaning = "A request without a response for so long is sent once more; 0s = by \"quantile\"."),
    KEY("quantile", CONF_SHARE, struct hedge_config, quantile, .otherwise = "0%", .max = 0.9999,
        .meaning = "In place of \"delay\": the time within which this share of the responses came "
                   "lately, as each worker saw it; 0% = by \"delay\"."),
    KEY("minimum", CONF_INT, struct hedge_config, minimum, .otherwise = "100", .min = 1,
        .max = 1000000, .meaning = "Quantile: with fewer responses in the window nothing is sent "
                                   "twice."),
    KEY("window", CONF_DURATION, struct hedge_config, window, .otherwise = "30s", .min = 1e6,
        .max = 8.64e13, .meaning = "Quantile: how long a response counts."),
    KEY("max", CONF_INT, struct hedge_config, max, .otherwise = "1", .max = HEDGE_MAX,
        .meaning = "Further tries of a request, each after another delay; 0 = none: nothing is sent "
                   "twice."),
    KEY("budget", CONF_SHARE, struct hedge_config, budget, .otherwise = "5%", .max = 1,
        .meaning = "Further tries at most, as a share of the requests of the last ten seconds, by "
                   "worker; ten are allowed in any case, but none with 0%. "
                   "All that leads to an upstream adds to one budget there and takes from it."),
    KEY("body", CONF_SIZE, struct hedge_config, body, .otherwise = "16KiB", .max = 65536,
        .meaning = "A request with a larger body is not sent twice; 0 = none with a body is."),
};
/* clang-format on */

/* Keys that say nothing in another mode. */
static const struct {
    const char *name;
    int mode;
} of_modes[] = {{"max_wait", RATE_QUEUE},
                {"queue", RATE_QUEUE},
                {"warm_up", RATE_WARM_UP},
                {"cold", RATE_WARM_UP}};

static enum result check_per(struct conf_read *read, struct rate_limit_config *config,
                             const struct cJSON *item)
{
    if ((config->per == RATE_PER_HEADER) != (config->name != NULL))
        return conf_fail(read, item,
                         "\"name\" is the header field of \"per\": \"header\" (expected both or "
                         "neither)");
    if (config->per == RATE_PER_ROUTE && conf_member(item, "keys"))
        return conf_fail(read, conf_member(item, "keys"),
                         "\"keys\" is for \"per\": \"client\" or \"header\"");
    if (config->name && !config_is_token(config->name))
        return conf_fail(read, conf_member(item, "name"), "\"%s\" cannot be the name of a field",
                         config->name);
    if (config->name)
        config->name = config_lower(read, config->name);
    return OK;
}

static enum result check_rate_limit(struct conf_read *read, void *object, const struct cJSON *item)
{
    struct rate_limit_config *config = object;
    for (size_t i = 0; i < ARRAY_LEN(of_modes); i++)
        if (config->mode != of_modes[i].mode && conf_member(item, of_modes[i].name))
            return conf_fail(read, conf_member(item, of_modes[i].name),
                             "\"%s\" is for the mode %s, not for %s", of_modes[i].name,
                             rate_modes[of_modes[i].mode], rate_modes[config->mode]);
    if (config->mode == RATE_QUEUE && config->max_wait.ns == 0)
        return conf_fail(read, conf_member(item, "max_wait"),
                         "with a \"max_wait\" of 0s nothing is queued (expected more, or the mode "
                         "reject)");
    return check_per(read, config, item);
}

const struct conf_table rate_limit_conf_table = {
    .name = "rate_limit",
    .meaning = "How many requests are let through.",
    .size = sizeof(struct rate_limit_config),
    .keys = rate_limit_keys,
    .key_count = ARRAY_LEN(rate_limit_keys),
    .shorthand = "rate",
    .check = check_rate_limit,
    .item_offset = CONF_NO_ITEM,
};

static enum result check_concurrency(struct conf_read *read, void *object, const struct cJSON *item)
{
    static const char *const of_adaptive[] = {"min",    "max",      "tolerance", "smoothing",
                                              "window", "baseline", "memory",    "probe"};
    const struct concurrency_config *config = object;
    for (size_t i = 0; i < ARRAY_LEN(of_adaptive) && !config->adaptive; i++)
        if (conf_member(item, of_adaptive[i]))
            return conf_fail(read, conf_member(item, of_adaptive[i]),
                             "\"%s\" is for a limit that is adaptive (expected \"adaptive\": true)",
                             of_adaptive[i]);
    if (config->adaptive && (config->limit < config->min || config->limit > config->max))
        return conf_fail(read, conf_member(item, "limit"),
                         "\"limit\" is not between \"min\" and \"max\" (expected %d to %d)",
                         (int)config->min, (int)config->max);
    const char *other = config->baseline == BASELINE_PROBE ? "memory" : "probe";
    if (conf_member(item, other))
        return conf_fail(
            read, conf_member(item, other),
            "\"%s\" is for another baseline (expected \"baseline\": \"%s\")", other,
            baselines[config->baseline == BASELINE_PROBE ? BASELINE_AVERAGE : BASELINE_PROBE]);
    if (config->queue == 0 && conf_member(item, "max_wait"))
        return conf_fail(read, conf_member(item, "max_wait"),
                         "\"max_wait\" is for requests in the \"queue\", which has no room");
    const struct effect effects[] = {
        {"queue", config->queue == 0 || config->max_wait.ns > 0, "when \"max_wait\" is 0s"}};
    return effects_check(read, item, effects, ARRAY_LEN(effects));
}

const struct conf_table concurrency_conf_table = {
    .name = "concurrency",
    .meaning = "How many requests are under way at a time.",
    .size = sizeof(struct concurrency_config),
    .keys = concurrency_keys,
    .key_count = ARRAY_LEN(concurrency_keys),
    .check = check_concurrency,
    .item_offset = CONF_NO_ITEM,
};

static enum result check_hedge(struct conf_read *read, void *object, const struct cJSON *item)
{
    const struct hedge_config *config = object;
    bool delay = config->delay.ns > 0, quantile = config->quantile > 0;
    if ((delay && quantile) || (delay == quantile && config->max > 0))
        return conf_fail(read, item,
                         "hedging is after a delay or after a quantile of the latency "
                         "(expected exactly one of \"delay\" and \"quantile\", or \"max\": 0 for "
                         "no hedging)");
    if (delay && (conf_member(item, "minimum") || conf_member(item, "window")))
        return conf_fail(read, item, "\"minimum\" and \"window\" are for \"quantile\"");
    return OK;
}

enum result hedge_complete(struct conf_read *read, const struct cJSON *item,
                           const struct hedge_config *given_here, struct hedge_config *into,
                           bool *given)
{
    *given = config_take_given(&route_hedge_conf_table, item, given_here, into);
    if (!*given)
        return OK;
    bool both = given_here->delay.ns > 0 && given_here->quantile > 0;
    if (given_here->delay.ns > 0 && !both)
        into->quantile = 0;
    if (given_here->quantile > 0 && !both)
        into->delay = (duration){0};
    return check_hedge(read, into, item);
}

/* clang-format off */
#define HEDGE_TABLE(table_name, checked)                                                           \
    {                                                                                              \
        .name = (table_name),                                                                      \
        .meaning = "When a request without an answer is sent once more, to another endpoint when " \
                   "there is one; the first response wins. Only requests that may be sent twice.", \
        .size = sizeof(struct hedge_config), .keys = hedge_keys,                                   \
        .key_count = ARRAY_LEN(hedge_keys), .shorthand = "delay", .check = (checked),              \
        .item_offset = CONF_NO_ITEM,                                                               \
    }
/* clang-format on */
const struct conf_table hedge_conf_table = HEDGE_TABLE("hedge", check_hedge);
const struct conf_table route_hedge_conf_table = HEDGE_TABLE("route_hedge", NULL);
