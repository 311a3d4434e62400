/* SPDX-License-Identifier: MIT */
#include "lab/whatif/whatif_setting.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "lib/base/units.h"
#include "lib/conf/conf.h"
#include "lib/conf/type.h"
#include "lib/record/cause.h"

#define AT(member) offsetof(struct replay_setting, member)
/* clang-format off */
const struct whatif_axis whatif_axes[] = {
    {"timeout.response", "timeout", "response", AXIS_TIME, AT(response), false},
    {"timeout.total", "timeout", "total", AXIS_TIME, AT(total), true},
    {"timeout.queue", "timeout", "queue", AXIS_TIME, AT(queue_wait), false},
    {"retry.attempts", "retry", "attempts", AXIS_NUMBER, AT(attempts), false},
    {"retry.per_try", "retry", "per_try", AXIS_TIME, AT(per_try), true},
    {"retry.budget", "retry", "budget", AXIS_SHARE, AT(retry_budget), false},
    {"retry.backoff", "retry", "backoff", AXIS_TIME, AT(backoff), true},
    {"retry.backoff_longest", "retry", "backoff_longest", AXIS_TIME, AT(backoff_longest), true},
    {"hedge.delay", "hedge", "delay", AXIS_TIME, AT(hedge_delay), true},
    {"hedge.max", "hedge", "max", AXIS_NUMBER, AT(hedge_max), false},
    {"hedge.budget", "hedge", "budget", AXIS_SHARE, AT(hedge_budget), false},
    {"connections.max", "connections", "max", AXIS_NUMBER, AT(max_connections), true},
    {"connections.queue", "connections", "queue", AXIS_NUMBER, AT(queue), false},
    {"connections.idle_timeout", "connections", "idle_timeout", AXIS_TIME, AT(idle_timeout), false},
};
/* clang-format on */
#undef AT
const size_t whatif_axis_count = ARRAY_LEN(whatif_axes);

/* Timeouts are tried again, too. */
#define MORE          "retry.on+="
#define MORE_TIMEOUTS MORE "response_timeout"

/* What "retry.on" names, and the causes that each name stands for. */
static const struct {
    const char *name;
    uint64_t causes;
} conditions[] = {
    {"connect", UINT64_C(1) << CAUSE_CONNECT_REFUSED | UINT64_C(1) << CAUSE_CONNECT_TIMEOUT |
                    UINT64_C(1) << CAUSE_CONNECT_FAILED | UINT64_C(1) << CAUSE_TLS_FAILED},
    {"reused_closed", UINT64_C(1) << CAUSE_REUSED_CLOSED},
    {"closed", UINT64_C(1) << CAUSE_CLOSED_BEFORE_RESPONSE},
    {"reset", UINT64_C(1) << CAUSE_RESET_BEFORE_RESPONSE},
    {"response_timeout", UINT64_C(1) << CAUSE_RESPONSE_TIMEOUT | UINT64_C(1) << CAUSE_SEND_TIMEOUT},
};

static void *member(const struct whatif_axis *axis, struct replay_setting *setting)
{
    return (char *)setting + axis->offset;
}

double whatif_axis_value(const struct whatif_axis *axis, const struct replay_setting *setting)
{
    const void *place = (const char *)setting + axis->offset;
    return axis->kind == AXIS_SHARE ? *(const double *)place : (double)*(const int64_t *)place;
}

/* ---- reading */

static bool parse_value(const struct whatif_axis *axis, const char *text,
                        struct replay_setting *setting)
{
    duration time;
    double number;
    if (axis->kind == AXIS_SHARE)
        return units_parse_share(text, member(axis, setting));
    if (axis->kind == AXIS_TIME && units_parse_duration(text, &time)) {
        *(int64_t *)member(axis, setting) = time.ns;
        return true;
    }
    if (axis->kind == AXIS_NUMBER && units_parse_number(text, &number) && number >= 0 &&
        number <= 1e6 && number == floor(number)) {
        *(int64_t *)member(axis, setting) = (int64_t)number;
        return true;
    }
    return false;
}

static const struct conf_key *key_of(const struct conf_table *table, const char *name)
{
    for (size_t i = 0; table && i < table->key_count; i++)
        if (strcmp(table->keys[i].name, name) == 0)
            return &table->keys[i];
    return NULL;
}

static const struct conf_table *upstream_table(const struct conf_table *proxy_table)
{
    const struct conf_key *key = key_of(proxy_table, "upstreams");
    return key ? key->sub : NULL;
}

static void read_axis(const struct whatif_axis *axis, struct replay_setting *setting,
                      const cJSON *upstream, const struct conf_table *table)
{
    const cJSON *object = cJSON_GetObjectItemCaseSensitive(upstream, axis->object);
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, axis->key);
    const struct conf_key *holder = key_of(table, axis->object);
    const struct conf_key *key = key_of(holder ? holder->sub : NULL, axis->key);
    if (key && key->otherwise)
        (void)!parse_value(axis, key->otherwise, setting);
    if (cJSON_IsString(item))
        (void)!parse_value(axis, item->valuestring, setting);
    else if (cJSON_IsNumber(item) && axis->kind == AXIS_NUMBER)
        *(int64_t *)member(axis, setting) = (int64_t)item->valuedouble;
}

static uint64_t causes_named(const char *text)
{
    uint64_t causes = 0;
    for (size_t length; *text; text += length + (text[length] == ',')) {
        length = strcspn(text, ",");
        for (size_t i = 0; i < ARRAY_LEN(conditions); i++)
            if (strlen(conditions[i].name) == length &&
                strncmp(conditions[i].name, text, length) == 0)
                causes |= conditions[i].causes;
    }
    return causes;
}

static void read_conditions(struct replay_setting *setting, const cJSON *upstream,
                            const struct conf_table *table)
{
    const cJSON *retry = cJSON_GetObjectItemCaseSensitive(upstream, "retry");
    const cJSON *on = cJSON_GetObjectItemCaseSensitive(retry, "on");
    const struct conf_key *holder = key_of(table, "retry");
    const struct conf_key *key = key_of(holder ? holder->sub : NULL, "on");
    if (cJSON_IsString(on))
        setting->causes = causes_named(on->valuestring);
    else if (!on)
        setting->causes = key && key->otherwise ? causes_named(key->otherwise) : 0;
    const cJSON *item;
    if (cJSON_IsArray(on))
        cJSON_ArrayForEach(item, on) setting->causes |=
            cJSON_IsString(item) ? causes_named(item->valuestring) : 0;
    size_t count = 0;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(retry, "statuses"))
    {
        if (count < REPLAY_STATUSES)
            setting->statuses[count++] = (uint16_t)item->valuedouble;
    }
}

void whatif_setting_read(struct replay_setting *setting, const cJSON *upstream,
                         const struct conf_table *proxy_table)
{
    const struct conf_table *table = upstream_table(proxy_table);
    *setting = (struct replay_setting){0};
    for (size_t i = 0; i < whatif_axis_count; i++)
        read_axis(&whatif_axes[i], setting, upstream, table);
    read_conditions(setting, upstream, table);
}

enum replay_balance whatif_balance_read(const cJSON *upstream)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(upstream, "balance");
    if (cJSON_IsObject(item))
        item = cJSON_GetObjectItemCaseSensitive(item, "rule");
    if (cJSON_IsString(item) && strcmp(item->valuestring, "two_choices") == 0)
        return REPLAY_TWO_CHOICES;
    bool least = cJSON_IsString(item) && (strcmp(item->valuestring, "least_requests") == 0 ||
                                          strcmp(item->valuestring, "peak_ewma") == 0 ||
                                          strcmp(item->valuestring, "shortest_response") == 0);
    return least ? REPLAY_LEAST : REPLAY_AS_RECORDED;
}

double whatif_hedge_quantile(const cJSON *upstream)
{
    const cJSON *hedge = cJSON_GetObjectItemCaseSensitive(upstream, "hedge");
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(hedge, "quantile");
    double share;
    return cJSON_IsString(item) && units_parse_share(item->valuestring, &share) ? share : 0;
}

void whatif_retry_timeouts(struct replay_setting *setting)
{
    setting->causes |= causes_named("response_timeout");
}

/* The key in the gateway's configuration, with its bounds. */
static const struct conf_key *key_of_axis(const struct whatif_axis *axis,
                                          const struct conf_table *proxy_table)
{
    const struct conf_key *holder = key_of(upstream_table(proxy_table), axis->object);
    return key_of(holder ? holder->sub : NULL, axis->key);
}

static enum result set_axis(struct whatif_asked *asked, const struct whatif_axis *axis,
                            const char *value, struct error *error)
{
    const struct conf_key *key = key_of_axis(axis, asked->proxy_table);
    double before = whatif_axis_value(axis, &asked->setting);
    bool right = parse_value(axis, value, &asked->setting);
    double now = whatif_axis_value(axis, &asked->setting);
    if (right && key && conf_has_bounds(key))
        right = now >= key->min && (!conf_has_maximum(key) || now <= key->max);
    char expected[CONF_EXPECTED];
    if (!right)
        return error_set(error, FAILED_INPUT, "--at: %s cannot be \"%s\" (expected %s)", axis->name,
                         value, key ? conf_expected(expected, key) : "another value");
    size_t length = strlen(asked->same);
    if (now == before)
        snprintf(asked->same + length, sizeof(asked->same) - length, "%s%s=%s", length ? "," : "",
                 axis->name, value);
    return OK;
}

/* `seen` has a bit for each axis. */
static enum result parse_one(struct whatif_asked *asked, char *name, uint64_t *seen,
                             struct error *error)
{
    char *value = strchr(name, '=');
    const char *names[ARRAY_LEN(whatif_axes)];
    if (strcmp(name, MORE_TIMEOUTS) == 0) {
        whatif_retry_timeouts(&asked->setting);
        return OK;
    }
    if (strncmp(name, MORE, strlen(MORE)) == 0 || strncmp(name, "retry.on=", 9) == 0)
        return error_set(error, FAILED_INPUT,
                         "--at: \"%s\" cannot be set (of what is tried again timeouts alone can be "
                         "added: expected " MORE_TIMEOUTS ")",
                         name);
    if (!value)
        return error_set(error, FAILED_INPUT,
                         "--at: \"%s\" sets nothing (expected KEY=VALUE, such as %s)", name,
                         "timeout.response=450ms");
    *value++ = '\0';
    for (size_t i = 0; i < whatif_axis_count; i++) {
        names[i] = whatif_axes[i].name;
        if (strcmp(names[i], name) != 0)
            continue;
        if (*seen & UINT64_C(1) << i)
            return error_set(error, FAILED_INPUT,
                             "--at: %s is given twice in one setting (expected once; settings are "
                             "separated by \";\")",
                             name);
        *seen |= UINT64_C(1) << i;
        return set_axis(asked, &whatif_axes[i], value, error);
    }
    const char *nearest = conf_nearest(name, names, whatif_axis_count);
    return error_set(error, FAILED_INPUT,
                     "--at: nothing is known of \"%s\" (nearest known one: %s)", name,
                     nearest ? nearest : names[0]);
}

enum result whatif_setting_parse(struct whatif_asked *asked, const char *text, size_t length,
                                 struct error *error)
{
    char copy[512];
    struct replay_setting *setting = &asked->setting;
    const struct replay_setting present = *setting;
    if (length >= sizeof(copy))
        return error_set(error, FAILED_INPUT,
                         "--at: a setting of %zu bytes is too long (expected at most %zu)", length,
                         sizeof(copy) - 1);
    snprintf(copy, sizeof(copy), "%.*s", (int)length, text);
    char *rest = copy;
    uint64_t seen = 0;
    enum result result = OK;
    for (char *name; result == OK && (name = strsep(&rest, ",")) != NULL;) {
        while (*name == ' ')
            name++;
        result = parse_one(asked, name, &seen, error);
    }
    bool retries = setting->attempts != present.attempts || setting->per_try != present.per_try;
    if (setting->attempts > 1 && retries)
        whatif_retry_timeouts(setting);
    if (setting->hedge_delay > 0 && setting->hedge_max == 0)
        setting->hedge_max = 1;
    return result;
}

/* ---- writing */

static void format_value(char *out, size_t size, const struct whatif_axis *axis,
                         const struct replay_setting *setting)
{
    double value = whatif_axis_value(axis, setting);
    if (axis->kind == AXIS_TIME)
        units_format_duration(out, size, duration_ns((int64_t)value));
    else
        snprintf(out, size, axis->kind == AXIS_SHARE ? "%g%%" : "%.0f",
                 axis->kind == AXIS_SHARE ? value * 100 : value);
}

static bool differs(const struct whatif_axis *axis, const struct replay_setting *setting,
                    const struct replay_setting *present)
{
    return whatif_axis_value(axis, setting) != whatif_axis_value(axis, present);
}

const char *whatif_setting_text(char *out, size_t size, const struct replay_setting *setting,
                                const struct replay_setting *present)
{
    size_t length = 0;
    out[0] = '\0';
    for (size_t i = 0; i < whatif_axis_count && length < size; i++) {
        char value[32];
        if (!differs(&whatif_axes[i], setting, present))
            continue;
        format_value(value, sizeof(value), &whatif_axes[i], setting);
        length += (size_t)snprintf(out + length, size - length, "%s%s=%s", length ? "," : "",
                                   whatif_axes[i].name, value);
    }
    if (setting->causes != present->causes && length < size)
        length +=
            (size_t)snprintf(out + length, size - length, "%s" MORE_TIMEOUTS, length ? "," : "");
    if (length == 0)
        snprintf(out, size, "as it is");
    return out;
}

double whatif_setting_change(const struct replay_setting *setting,
                             const struct replay_setting *present)
{
    double change = setting->causes != present->causes;
    for (size_t i = 0; i < whatif_axis_count; i++) {
        double to = whatif_axis_value(&whatif_axes[i], setting);
        double from = whatif_axis_value(&whatif_axes[i], present);
        if (to == from)
            continue;
        change += to <= 0 || from <= 0 ? 2 : fabs(log2(to / from));
    }
    return change;
}

static void write_axis(cJSON *upstream, const struct whatif_axis *axis,
                       const struct replay_setting *setting)
{
    cJSON *object = cJSON_GetObjectItemCaseSensitive(upstream, axis->object);
    if (!cJSON_IsObject(object)) {
        cJSON_DeleteItemFromObjectCaseSensitive(upstream, axis->object);
        object = cJSON_AddObjectToObject(upstream, axis->object);
    }
    cJSON_DeleteItemFromObjectCaseSensitive(object, axis->key);
    char text[32];
    double value = whatif_axis_value(axis, setting);
    if (axis->kind == AXIS_NUMBER) {
        cJSON_AddNumberToObject(object, axis->key, value);
        return;
    }
    duration shown;
    if (axis->kind == AXIS_TIME) { /* exactly, where it is shown with fewer digits */
        units_format_duration(text, sizeof(text), duration_ns((int64_t)value));
        if (!units_parse_duration(text, &shown) || shown.ns != (int64_t)value)
            snprintf(text, sizeof(text), "%.0fns", value);
    } else
        snprintf(text, sizeof(text), "%.9g%%", value * 100);
    cJSON_AddStringToObject(object, axis->key, text);
}

static void write_conditions(cJSON *upstream, uint64_t causes)
{
    cJSON *retry = cJSON_GetObjectItemCaseSensitive(upstream, "retry");
    if (!cJSON_IsObject(retry)) {
        cJSON_DeleteItemFromObjectCaseSensitive(upstream, "retry");
        retry = cJSON_AddObjectToObject(upstream, "retry");
    }
    cJSON_DeleteItemFromObjectCaseSensitive(retry, "on");
    cJSON *on = cJSON_AddArrayToObject(retry, "on");
    for (size_t i = 0; i < ARRAY_LEN(conditions); i++)
        if ((causes & conditions[i].causes) == conditions[i].causes)
            cJSON_AddItemToArray(on, cJSON_CreateString(conditions[i].name));
}

void whatif_setting_write(cJSON *upstream, const struct replay_setting *setting,
                          const struct replay_setting *present)
{
    bool hedge = setting->hedge_delay != present->hedge_delay;
    for (size_t i = 0; i < whatif_axis_count; i++)
        if (differs(&whatif_axes[i], setting, present))
            write_axis(upstream, &whatif_axes[i], setting);
    if (hedge)
        cJSON_DeleteItemFromObjectCaseSensitive(cJSON_GetObjectItemCaseSensitive(upstream, "hedge"),
                                                "quantile");
    if (setting->causes != present->causes)
        write_conditions(upstream, setting->causes);
}
