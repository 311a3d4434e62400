/* SPDX-License-Identifier: MIT */
#include "lib/conf/type.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/dist.h"
#include "lib/base/units.h"
#include "lib/conf/message.h"

#define NUMBER   "[0-9]+(\\.[0-9]+)?"
#define DURATION "(0|" NUMBER "(ns|us|ms|s|m|h))"
#define IPV4     "[0-9]{1,3}(\\.[0-9]{1,3}){3}"
#define PORT     ":[0-9]{1,5}"

static const struct conf_type_facts facts[] = {
    [CONF_BOOL] = {.noun = "true or false",
                   .form = "true or false",
                   .accepts = cJSON_True | cJSON_False,
                   .size = sizeof(bool)},
    [CONF_INT] = {.noun = "a whole number",
                  .form = "digits, for example 4",
                  .accepts = cJSON_Number,
                  .size = sizeof(int64_t),
                  .whole = true},
    [CONF_NUMBER] = {.noun = "a number",
                     .form = "digits, for example 0.5",
                     .accepts = cJSON_Number,
                     .size = sizeof(double)},
    [CONF_STRING] = {.noun = "a string",
                     .form = "text in double quotes",
                     .accepts = cJSON_String,
                     .size = sizeof(const char *)},
    [CONF_DURATION] = {.noun = "a duration",
                       .form = "a number and ns, us, ms, s, m or h, for example \"250ms\"",
                       .pattern = "^" DURATION "$",
                       .accepts = cJSON_String,
                       .size = sizeof(duration)},
    [CONF_SIZE] = {.noun = "a size",
                   .form = "a number and B, KB, MB, GB, KiB, MiB or GiB, for example \"64KiB\"",
                   .pattern = "^" NUMBER "(B|KB|MB|GB|KiB|MiB|GiB)?$",
                   .accepts = cJSON_String | cJSON_Number,
                   .size = sizeof(uint64_t),
                   .whole = true},
    [CONF_RATE] = {.noun = "a rate",
                   .form = "a number and /s, /m or /h, for example \"2000/s\"",
                   .pattern = "^" NUMBER "/[smh]$",
                   .accepts = cJSON_String,
                   .size = sizeof(double)},
    [CONF_SHARE] = {.noun = "a share",
                    .form = "a number and %, for example \"0.5%\"",
                    .pattern = "^" NUMBER "%$",
                    .accepts = cJSON_String,
                    .size = sizeof(double)},
    [CONF_DIST] = {.noun = "a distribution",
                   .form = "a duration such as \"5ms\", a form such as \"uniform(1ms,9ms)\", "
                           "{\"quantiles\": ...} or {\"replay\": ...}",
                   .pattern =
                       "^(" DURATION "|(uniform|normal|exponential|lognormal|pareto)\\(.+\\))$",
                   .accepts = cJSON_String | cJSON_Object,
                   .size = sizeof(struct dist)},
    [CONF_ADDRESS] = {.noun = "an address",
                      .form = "IPv4:port, [IPv6]:port, localhost:port or unix:/path, for example "
                              "\"127.0.0.1:8080\"",
                      .pattern = "^(unix:/.+|(localhost|\\[[0-9A-Fa-f:.]+\\]|" IPV4 ")" PORT ")$",
                      .accepts = cJSON_String,
                      .size = sizeof(const char *)},
    [CONF_ENUM] = {.noun = "one of its choices", .accepts = cJSON_String, .size = sizeof(int)},
    [CONF_FLAGS] = {.noun = "a list of choices", .accepts = cJSON_Array, .size = sizeof(unsigned)},
    [CONF_OBJECT] = {.noun = "an object",
                     .form = "{...}",
                     .accepts = cJSON_Object,
                     .points_back = true},
    [CONF_LIST] = {.noun = "a list",
                   .form = "[...]",
                   .accepts = cJSON_Array,
                   .size = sizeof(struct conf_list),
                   .points_back = true},
    [CONF_MAP] = {.noun = "an object of names",
                  .form = "{\"name\": ...}",
                  .accepts = cJSON_Object,
                  .size = sizeof(struct conf_list),
                  .points_back = true},
    [CONF_RAW] = {.noun = "any value",
                  .form = "any value",
                  .accepts = 0xff,
                  .size = sizeof(const struct cJSON *),
                  .points_back = true},
};

const struct conf_type_facts *conf_type_facts(enum conf_type type)
{
    return &facts[type];
}

const char *conf_kind(const cJSON *item)
{
    switch (item->type & 0xff) {
    case cJSON_True:
        return "true";
    case cJSON_False:
        return "false";
    case cJSON_NULL:
        return "null";
    case cJSON_Number:
        return "a number";
    case cJSON_String:
        return "a string";
    case cJSON_Array:
        return "a list";
    default:
        return "an object";
    }
}

bool conf_has_bounds(const struct conf_key *key)
{
    return key->min != 0 || key->max != 0;
}

bool conf_has_maximum(const struct conf_key *key)
{
    return conf_has_bounds(key) && key->max >= key->min;
}

#define BOUND 48

static const char *format_bound(char out[BOUND], enum conf_type type, double value)
{
    switch (type) {
    case CONF_DURATION:
        return units_format_duration(out, BOUND, duration_ns((int64_t)value));
    case CONF_SIZE:
        return units_format_size(out, BOUND, (uint64_t)value);
    case CONF_SHARE:
        snprintf(out, BOUND, "%.10g%%", value * 100);
        return out;
    default:
        snprintf(out, BOUND, "%.16g%s", value, type == CONF_RATE ? "/s" : "");
        return out;
    }
}

const char *conf_bounds(char out[CONF_EXPECTED], const struct conf_key *key)
{
    char min[BOUND], max[BOUND];
    format_bound(min, key->type, key->min);
    if (conf_has_maximum(key))
        snprintf(out, CONF_EXPECTED, "%s to %s", min, format_bound(max, key->type, key->max));
    else
        snprintf(out, CONF_EXPECTED, "at least %s", min);
    return out;
}

size_t conf_choice_count(const struct conf_key *key)
{
    size_t count = 0;
    while (key->choices[count])
        count++;
    return count;
}

const char *conf_expected(char out[CONF_EXPECTED], const struct conf_key *key)
{
    char bounds[CONF_EXPECTED], names[CONF_NAMES];
    const struct conf_type_facts *type = conf_type_facts(key->type);
    if (!type->form)
        snprintf(out, CONF_EXPECTED, "%s%s", key->type == CONF_FLAGS ? "a list of " : "",
                 conf_list_names(names, key->choices, conf_choice_count(key)));
    else if (!conf_has_bounds(key) || type->points_back)
        snprintf(out, CONF_EXPECTED, "%s", type->form);
    else if (type->accepts == cJSON_Number)
        conf_bounds(out, key);
    else
        snprintf(out, CONF_EXPECTED, "%s; %.*s", type->form, CONF_EXPECTED / 2,
                 conf_bounds(bounds, key));
    return out;
}

/* Whether the default stands in a file between double quotes. */
static bool is_text(const struct conf_key *key)
{
    bool text = conf_type_facts(key->type)->accepts & cJSON_String;
    return text && key->type != CONF_RAW && !(key->type == CONF_DIST && *key->otherwise == '{');
}

/* "connect,reset" as a list of names. */
static cJSON *split_names(const char *text)
{
    static const char separators[] = ", ";
    cJSON *names = cJSON_CreateArray();
    for (text += strspn(text, separators); *text; text += strspn(text, separators)) {
        size_t length = strcspn(text, separators);
        char name[64];
        snprintf(name, sizeof(name), "%.*s", (int)length, text);
        cJSON_AddItemToArray(names, cJSON_CreateString(name));
        text += length;
    }
    return names;
}

cJSON *conf_default(const struct conf_key *key)
{
    if (!key->otherwise)
        return NULL;
    if (key->type == CONF_FLAGS)
        return split_names(key->otherwise);
    return is_text(key) ? cJSON_CreateString(key->otherwise) : cJSON_Parse(key->otherwise);
}
