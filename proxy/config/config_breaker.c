/* SPDX-License-Identifier: MIT */
#include "proxy/config/config_breaker.h"

#include "proxy/config/effect.h"

/* clang-format off */
#define KEY(key_name, key_type, holder, member, ...)                                               \
    {.name = (key_name), .type = (key_type), .offset = offsetof(holder, member), __VA_ARGS__}

static const struct conf_key breaker_keys[] = {
    KEY("error_ratio", CONF_SHARE, struct breaker_config, error_ratio, .otherwise = "0%", .max = 1,
        .meaning = "Share of failed calls in the window that opens the breaker; 0% = off."),
    KEY("error_count", CONF_INT, struct breaker_config, error_count, .otherwise = "0", .max = 1000000,
        .meaning = "Number of failed calls in the window that opens the breaker; 0 = off."),
    KEY("slow_ratio", CONF_SHARE, struct breaker_config, slow_ratio, .otherwise = "0%", .max = 1,
        .meaning = "Share of slow calls in the window that opens the breaker; 0% = off."),
    KEY("slow_call", CONF_DURATION, struct breaker_config, slow_call, .otherwise = "1s", .min = 1, .max = 8.64e13,
        .meaning = "A call whose response's first byte took longer is slow."),
    KEY("minimum", CONF_INT, struct breaker_config, minimum, .otherwise = "20", .min = 1, .max = 1000000,
        .meaning = "Calls in the window before a ratio counts."),
    KEY("window", CONF_DURATION, struct breaker_config, window, .otherwise = "10s", .min = 1e7, .max = 3.6e12,
        .meaning = "How far back the breaker looks."),
    KEY("open_for", CONF_DURATION, struct breaker_config, open_for, .otherwise = "5s", .min = 1e6, .max = 8.64e13,
        .meaning = "How long an open breaker refuses every call."),
    KEY("probes", CONF_INT, struct breaker_config, probes, .otherwise = "5", .min = 1, .max = 10000,
        .meaning = "Calls let through after that; they decide whether it closes or opens again."),
    KEY("counts", CONF_FLAGS, struct breaker_config, counts, .otherwise = "connect,timeout,closed,invalid,5xx",
        .flags = CONF_NOT_EMPTY, .choices = failure_kind_names, .meaning = "What counts as a failed call."),
};
static enum result check_breaker(struct conf_read *read, void *object, const struct cJSON *item)
{
    const struct breaker_config *config = object;
    if (conf_member(item, "slow_call") && config->slow_ratio <= 0)
        return conf_fail(read, conf_member(item, "slow_call"),
                         "\"slow_call\" says what is slow; \"slow_ratio\" must say how many of them open the breaker");
    for (size_t i = 0; !breaker_is_on(config) && i < ARRAY_LEN(breaker_keys); i++)
        if (conf_member(item, breaker_keys[i].name))
            return conf_fail(read, item, "a breaker needs \"error_ratio\", \"error_count\" or \"slow_ratio\"");
    const struct effect effects[] = {
        {"minimum", config->error_ratio > 0 || config->slow_ratio > 0,
         "without \"error_ratio\" or \"slow_ratio\": a count needs no minimum"},
        {"counts", config->error_ratio > 0 || config->error_count > 0,
         "without \"error_ratio\" or \"error_count\""},
    };
    return effects_check(read, item, effects, ARRAY_LEN(effects));
}
const struct conf_table breaker_conf_table = {
    .name = "breaker", .meaning = "A circuit breaker: with too many bad calls the upstream is left alone for a while; "
                                  "off unless a ratio or a count is given.",
    .size = sizeof(struct breaker_config), .keys = breaker_keys, .key_count = ARRAY_LEN(breaker_keys),
    .check = check_breaker, .item_offset = CONF_NO_ITEM,
};
/* clang-format on */
