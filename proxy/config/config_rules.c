/* SPDX-License-Identifier: MIT */
/* The rules about fields of a head, checked and laid out for use. */
#include <string.h>
#include <strings.h>

#include "lib/base/buf.h"
#include "lib/http/head.h"
#include "proxy/config/config_route.h"

bool config_is_token(const char *text)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (const char *at = text; *at; at++)
        if (!(*at >= '0' && *at <= '9') && !(*at >= 'a' && *at <= 'z') &&
            !(*at >= 'A' && *at <= 'Z') && !strchr(others, *at))
            return false;
    return *text != '\0';
}

bool config_is_value(const char *text)
{
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++)
        if (((unsigned char)text[i] < ' ' && text[i] != '\t') || text[i] == 0x7f)
            return false;
    return length == 0 || (!strchr(" \t", text[0]) && !strchr(" \t", text[length - 1]));
}

const char *config_lower(struct conf_read *read, const char *text)
{
    char *lower = arena_text(conf_read_arena(read), text, strlen(text));
    for (char *at = lower; *at; at++)
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at + ('a' - 'A'));
    return lower;
}

/* Fields that frame the message, belong to one connection or are the gateway's own. */
static const char *const untouchable[] = {
    "connection", "content-length", "expect",      "keep-alive",        "proxy-connection",
    "te",         "trailer",        "traceparent", "transfer-encoding", "upgrade",
};

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

enum result header_name_check(struct conf_read *read, const char *name, const struct cJSON *item)
{
    if (!config_is_token(name))
        return conf_fail(read, item, "\"%s\" cannot be the name of a field", name);
    if (is_one_of(name, untouchable, ARRAY_LEN(untouchable)))
        return conf_fail(read, item,
                         "\"%s\" cannot be changed: it frames the message, belongs to one "
                         "connection or is the gateway's own",
                         name);
    return OK;
}

/* A request has exactly one Host. */
static enum result check_host(struct conf_read *read, const char *name, const struct cJSON *item)
{
    if (strcasecmp(name, "host") == 0)
        return conf_fail(read, item, "\"%s\" can only be set: a request has exactly one", name);
    return OK;
}

static bool is_host(const char *value)
{
    return http_is_host((struct http_span){value, (uint32_t)strlen(value)});
}

static enum result check_values(struct conf_read *read, const struct conf_list *list)
{
    const struct header_value *values = list->items;
    for (size_t i = 0; i < list->count; i++) {
        enum result result = header_name_check(read, values[i].name, values[i].item);
        if (result != OK)
            return result;
        if (!config_is_value(values[i].value))
            return conf_fail(read, values[i].item,
                             "the value of \"%s\" holds a control character, or white space at "
                             "an end",
                             values[i].name);
        if (strcasecmp(values[i].name, "host") == 0 && !is_host(values[i].value))
            return conf_fail(read, values[i].item, "\"%s\" cannot be the value of a Host field",
                             values[i].value);
        for (size_t j = 0; j < i; j++)
            if (strcasecmp(values[i].name, values[j].name) == 0)
                return conf_fail(read, values[i].item, "\"%s\" and \"%s\" are the same field",
                                 values[j].name, values[i].name);
    }
    return OK;
}

static enum result check_others(struct conf_read *read, const struct header_rules *rules,
                                const struct cJSON *item)
{
    const char *const *removed = rules->remove.items;
    const struct header_value *set = rules->set.items, *add = rules->add.items;
    enum result result = OK;
    for (size_t i = 0; i < rules->add.count && result == OK; i++)
        result = check_host(read, add[i].name, add[i].item);
    for (size_t i = 0; i < rules->remove.count && result == OK; i++) {
        result = header_name_check(read, removed[i], conf_member(item, "remove"));
        if (result == OK)
            result = check_host(read, removed[i], conf_member(item, "remove"));
    }
    for (size_t i = 0; i < rules->set.count && result == OK; i++)
        if (is_one_of(set[i].name, removed, rules->remove.count))
            result = conf_fail(read, set[i].item, "\"%s\" is both set and removed", set[i].name);
    return result;
}

static void append_lines(struct buf *out, const struct conf_list *list)
{
    const struct header_value *values = list->items;
    for (size_t i = 0; i < list->count; i++)
        buf_printf(out, "%s: %s\r\n", values[i].name, values[i].value);
}

static void lay_out(struct arena *arena, struct header_rules *rules)
{
    const struct header_value *set = rules->set.items;
    const char *const *removed = rules->remove.items;
    size_t count = rules->set.count + rules->remove.count;
    struct buf lines = {0};
    append_lines(&lines, &rules->set);
    append_lines(&lines, &rules->add);
    rules->lines_length = buf_len(&lines);
    rules->lines = rules->lines_length ? arena_text(arena, buf_head(&lines), buf_len(&lines)) : "";
    buf_free(&lines);
    rules->dropped = count ? arena_alloc(arena, count * sizeof(*rules->dropped)) : NULL;
    for (size_t i = 0; i < rules->set.count; i++)
        rules->dropped[rules->dropped_count++] = set[i].name;
    for (size_t i = 0; i < rules->remove.count; i++)
        rules->dropped[rules->dropped_count++] = removed[i];
}

enum result header_rules_build(struct conf_read *read, struct header_rules *rules,
                               const struct cJSON *item, const char *which)
{
    enum result result = check_values(read, &rules->set);
    if (result == OK)
        result = check_values(read, &rules->add);
    if (result == OK)
        result = check_others(read, rules, conf_member(item, which));
    if (result == OK)
        lay_out(conf_read_arena(read), rules);
    return result;
}
