/* SPDX-License-Identifier: MIT */
#include "lab/plan/template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"
#include "lib/conf/conf.h"
#include "lib/conf/message.h"

#define EVERY (-1)

/* A placeholder in a text, cut into its parts. */
struct placeholder {
    const char *at; /* its "{" */
    size_t length;  /* with both braces */
    char name[ENDPOINT_GROUP + 32];
    bool is_group; /* the name is that of a group of backends */
    int64_t instance;
    char part[16]; /* "port"; "" for the whole address */
};

/* A line as it is written once. */
struct writing {
    const struct template_source *source;
    const struct template_words *words;
    struct buf *out;
    int64_t turn; /* the instance that a loop has come to */
    struct error *error;
};

/* ---- finding placeholders */

static bool is_name_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '_' || byte == '-' || byte == '.' || byte == '/';
}

static bool begins_name(char byte)
{
    return is_name_byte(byte) && !(byte >= '0' && byte <= '9') && byte != '-' && byte != '.' &&
           byte != '/';
}

static const char *const parts[] = {"host", "port", "name", "number", NULL};

/* "orders/0.port" into its parts; names of groups may have dots of their own. */
static void split_group(struct placeholder *found)
{
    char *dot = strrchr(found->name, '.');
    for (size_t i = 0; dot && parts[i]; i++)
        if (strcmp(dot + 1, parts[i]) == 0) {
            snprintf(found->part, sizeof(found->part), "%s", dot + 1);
            *dot = '\0';
            break;
        }
    char *slash = strchr(found->name, '/');
    found->instance = EVERY;
    if (!slash)
        return;
    size_t digits = strspn(slash + 1, "0123456789");
    found->instance = digits > 0 && digits < 7 && !slash[1 + digits] ? atoll(slash + 1) : INT64_MAX;
    *slash = '\0';
}

/* Whether a placeholder stands at a brace. */
static bool read_placeholder(struct placeholder *found, const char *start, const char *brace,
                             const char *end)
{
    const char *name = brace + 1;
    bool group = name < end && *name == '@';
    name += group;
    const char *stop = name;
    while (stop < end && is_name_byte(*stop))
        stop++;
    if (stop == end || *stop != '}' || stop == name || !begins_name(*name) ||
        (brace > start && brace[-1] == '$') || (size_t)(stop - name) >= sizeof(found->name))
        return false;
    *found =
        (struct placeholder){.at = brace, .length = (size_t)(stop - brace) + 1, .is_group = group};
    memcpy(found->name, name, (size_t)(stop - name));
    if (group)
        split_group(found);
    return true;
}

/* The next placeholder of a piece of text; false: there is none. */
static bool next_placeholder(struct placeholder *found, const char *start, const char *at,
                             const char *end)
{
    while ((at = memchr(at, '{', (size_t)(end - at)))) {
        if (at + 1 < end && at[1] == '{') {
            at += 2;
            continue;
        }
        if (read_placeholder(found, start, at, end))
            return true;
        at++;
    }
    return false;
}

/* ---- messages */

static enum result fail_at(const struct writing *writing, const char *at, const char *what)
{
    const struct template_source *source = writing->source;
    return conf_message(writing->error, source->name, source->text, (size_t)(at - source->text),
                        what);
}

static enum result fail_unknown(const struct writing *writing, const struct placeholder *found)
{
    const struct template_words *words = writing->words;
    const char **names = mem_alloc(words->word_count + words->group_count + 1, sizeof(*names));
    char(*groups)[ENDPOINT_GROUP + 2] = mem_alloc(words->group_count + 1, sizeof(*groups));
    char wanted[sizeof(found->name) + 2], listed[CONF_NAMES], text[512];
    size_t count = 0;
    for (size_t i = 0; i < words->word_count; i++)
        names[count++] = words->words[i].name;
    for (size_t i = 0; i < words->group_count; i++) {
        snprintf(groups[i], sizeof(groups[i]), "@%s", words->groups[i].name);
        names[count++] = groups[i];
    }
    snprintf(wanted, sizeof(wanted), "%s%s", found->is_group ? "@" : "", found->name);
    const char *nearest = conf_nearest(wanted, names, count);
    if (nearest)
        snprintf(text, sizeof(text), "there is no placeholder {%.80s} (did you mean {%s}?)", wanted,
                 nearest);
    else
        snprintf(text, sizeof(text),
                 "there is no placeholder {%.80s} (expected one of %s, or {{ for a brace)", wanted,
                 conf_list_names(listed, names, count));
    free(names);
    free(groups);
    return fail_at(writing, found->at, text);
}

/* ---- writing */

static const struct template_group *group_named(const struct template_words *words,
                                                const char *name)
{
    for (size_t i = 0; i < words->group_count; i++)
        if (strcmp(words->groups[i].name, name) == 0)
            return &words->groups[i];
    return NULL;
}

static void write_part(struct buf *out, const struct endpoint_address *instance, int64_t number,
                       const char *part)
{
    const char *address = instance->address, *colon = strrchr(address, ':');
    if (strcmp(part, "name") == 0)
        buf_append_text(out, instance->process);
    else if (strcmp(part, "number") == 0)
        buf_printf(out, "%lld", (long long)number);
    else if (strcmp(part, "host") == 0)
        buf_append(out, address, colon ? (size_t)(colon - address) : strlen(address));
    else if (strcmp(part, "port") == 0)
        buf_append_text(out, colon ? colon + 1 : "");
    else
        buf_append_text(out, address);
}

static enum result write_instance(const struct writing *writing, const struct placeholder *found)
{
    const struct template_group *group = group_named(writing->words, found->name);
    if (!group)
        return fail_unknown(writing, found);
    int64_t number = found->instance == EVERY ? writing->turn : found->instance;
    if (number >= (int64_t)group->count) {
        char text[200];
        snprintf(text, sizeof(text), "\"%.64s\" has no instance of that number (expected 0 to %zu)",
                 group->name, group->count - 1);
        return fail_at(writing, found->at, text);
    }
    write_part(writing->out, &group->instances[number], number, found->part);
    return OK;
}

static enum result write_word(const struct writing *writing, const struct placeholder *found)
{
    const struct template_words *words = writing->words;
    if (found->is_group)
        return write_instance(writing, found);
    for (size_t i = 0; i < words->word_count; i++)
        if (strcmp(words->words[i].name, found->name) == 0) {
            buf_append_text(writing->out, words->words[i].text);
            return OK;
        }
    return fail_unknown(writing, found);
}

/* Text without placeholders, in which two braces stand for one. */
static void write_plain(struct buf *out, const char *at, const char *end)
{
    for (; at < end; at++) {
        buf_append(out, at, 1);
        if (at + 1 < end && at[0] == '{' && at[1] == '{')
            at++;
    }
}

static enum result write_line(const struct writing *writing, const char *line, const char *end)
{
    struct placeholder found;
    const char *at = line;
    enum result result = OK;
    while (result == OK && next_placeholder(&found, writing->source->text, at, end)) {
        write_plain(writing->out, at, found.at);
        result = write_word(writing, &found);
        at = found.at + found.length;
    }
    write_plain(writing->out, at, end);
    return result;
}

/* How often the line is there: once for each instance of the group that it names as a whole. */
static enum result count_turns(const struct writing *writing, const char *line, const char *end,
                               size_t *turns)
{
    struct placeholder found;
    const struct template_group *looped = NULL;
    *turns = 1;
    for (const char *at = line; next_placeholder(&found, writing->source->text, at, end);
         at = found.at + found.length) {
        const struct template_group *group =
            found.is_group ? group_named(writing->words, found.name) : NULL;
        if (!group || found.instance != EVERY)
            continue;
        if (looped && looped != group)
            return fail_at(writing, found.at,
                           "the line is there once for each instance of another group already "
                           "(expected one group in a line, or {@GROUP/NUMBER})");
        if (writing->source->one_line && group->count > 1)
            return fail_at(writing, found.at,
                           "this stands for more than one address (expected {@GROUP/NUMBER})");
        looped = group;
        *turns = group->count;
    }
    return OK;
}

enum result template_render(struct buf *out, const struct template_source *source,
                            const struct template_words *words, struct error *error)
{
    struct writing writing = {.source = source, .words = words, .out = out, .error = error};
    const char *end = source->text + source->length;
    enum result result = OK;
    for (const char *line = source->text, *next; line < end && result == OK; line = next) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        next = newline ? newline + 1 : end;
        size_t turns = 1;
        result = count_turns(&writing, line, next, &turns);
        for (writing.turn = 0; writing.turn < (int64_t)turns && result == OK; writing.turn++)
            result = write_line(&writing, line, next);
    }
    return result;
}

bool template_has_word(const struct template_source *source, const char *name)
{
    struct placeholder found;
    const char *end = source->text + source->length;
    for (const char *at = source->text; next_placeholder(&found, source->text, at, end);
         at = found.at + found.length)
        if (!found.is_group && strcmp(found.name, name) == 0)
            return true;
    return false;
}

bool template_leads_to(const struct template_source *source, const char *group, int64_t instance)
{
    struct placeholder found;
    const char *end = source->text + source->length;
    for (const char *at = source->text; next_placeholder(&found, source->text, at, end);
         at = found.at + found.length)
        if (found.is_group && strcmp(found.name, group) == 0 &&
            (found.instance == EVERY || instance < 0 || found.instance == instance))
            return true;
    return false;
}
