/* SPDX-License-Identifier: MIT */
#include "chaos/api/words.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Of all that is named at once, and of one name. */
enum { IGNORED_MOST = 1024, NAME_MOST = 64 };

static const char *const proxy_words[] = {"name", "listen", "upstream", "enabled", "toxics"};
static const char *const toxic_words[] = {"name", "type", "stream", "toxicity", "attributes"};

static bool is_among(const char *name, const char *const *words, size_t count)
{
    size_t i = 0;
    while (i < count && strcasecmp(name, words[i]) != 0)
        i++;
    return i < count;
}

static bool is_condition(const char *name)
{
    const char *condition = fault_condition_name(0);
    for (size_t i = 1; condition && strcasecmp(name, condition) != 0; i++)
        condition = fault_condition_name(i);
    return condition != NULL;
}

static bool is_attribute(const char *name, enum fault_kind kind)
{
    struct fault_parameter parameter;
    bool known = false;
    for (size_t i = 0; !known && fault_parameter_next(kind, &i, &parameter);)
        known = strcasecmp(parameter.name, name) == 0;
    return known;
}

/* Which of two of the same name counts is a matter of taste, and Go's is another than ours. */
static bool check_once(const cJSON *object, struct api_error *error)
{
    const cJSON *first = cJSON_IsObject(object) ? object->child : NULL;
    for (const cJSON *member = first; member; member = member->next)
        for (const cJSON *other = first; other != member; other = other->next)
            if (strcasecmp(other->string, member->string) == 0)
                return api_fail(error, 400, "bad request body: \"%.64s\" stands twice",
                                member->string);
    return true;
}

static bool is_plain(char c)
{
    return isalnum((unsigned char)c) || strchr("_-.", c);
}

/* As it may stand in a header field and a log line. */
static void note_ignored(struct buf *ignored, const char *before, const char *name)
{
    if (buf_len(ignored) > IGNORED_MOST)
        return;
    buf_printf(ignored, "%s%s", buf_len(ignored) > 0 ? ", " : "", before);
    for (int i = 0; name[i] && i < NAME_MOST; i++)
        buf_append(ignored, is_plain(name[i]) ? &name[i] : "?", 1);
}

static bool refuse_unknown(const char *name, struct api_error *error)
{
    enum { MOST = 32 };
    const char *words[MOST], *condition;
    size_t count = 0;
    for (; count < ARRAY_LEN(toxic_words); count++)
        words[count] = toxic_words[count];
    for (size_t i = 0; count < MOST && (condition = fault_condition_name(i)); i++)
        words[count++] = condition;
    const char *near = conf_nearest(name, words, count);
    return api_fail(error, 400, "bad request body: \"%.64s\" is no key of a toxic%s%s%s", name,
                    near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
}

/* ---- toxics */

/* A length or size with its unit, or a distribution. */
static bool has_own_value(const cJSON *attributes)
{
    const cJSON *member = attributes ? attributes->child : NULL;
    while (member && !cJSON_IsString(member))
        member = member->next;
    return member != NULL;
}

static bool is_ours(const cJSON *body, enum fault_kind kind)
{
    const cJSON *member = body->child;
    if (!fault_row(kind)->toxic)
        return true;
    while (member && !is_condition(member->string))
        member = member->next;
    return member || has_own_value(body_member(body, "attributes"));
}

static bool check_attributes(const cJSON *attributes, enum fault_kind kind, bool ours,
                             struct buf *ignored, struct api_error *error)
{
    for (const cJSON *given = attributes ? attributes->child : NULL; given; given = given->next) {
        if (is_attribute(given->string, kind))
            continue;
        if (ours)
            return api_fail(error, 400, "bad request body: \"%.64s\" is no attribute of %s",
                            given->string, fault_row(kind)->name);
        note_ignored(ignored, "attributes.", given->string);
    }
    return true;
}

bool words_check_toxic(const cJSON *body, enum fault_kind kind, struct buf *ignored,
                       struct api_error *error)
{
    const cJSON *attributes = body_member(body, "attributes");
    if (!check_once(body, error) || !check_once(attributes, error))
        return false;
    if (kind == FAULT_COUNT)
        return true;
    bool ours = is_ours(body, kind);
    for (const cJSON *given = body->child; given; given = given->next) {
        if (is_among(given->string, toxic_words, ARRAY_LEN(toxic_words)) ||
            is_condition(given->string))
            continue;
        if (ours)
            return refuse_unknown(given->string, error);
        note_ignored(ignored, "", given->string);
    }
    return check_attributes(cJSON_IsObject(attributes) ? attributes : NULL, kind, ours, ignored,
                            error);
}

/* ---- proxies */

bool words_check_proxy(const cJSON *body, struct buf *ignored, struct api_error *error)
{
    if (!check_once(body, error))
        return false;
    for (const cJSON *given = body->child; given; given = given->next)
        if (!is_among(given->string, proxy_words, ARRAY_LEN(proxy_words)))
            note_ignored(ignored, "", given->string);
    return true;
}
