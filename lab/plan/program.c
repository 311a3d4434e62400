/* SPDX-License-Identifier: MIT */
#include "lab/plan/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lab/plan/paths.h"
#include "lib/base/buf.h"
#include "lib/base/memory.h"
#include "lib/conf/conf.h"

/* ---- where they are */

static char *find_in_path(const char *path, const char *program)
{
    size_t length;
    for (const char *at = path; *at; at += length + (at[length] == ':')) {
        length = strcspn(at, ":");
        struct buf whole = {0};
        buf_printf(&whole, "%.*s/%s", (int)length, at, program);
        buf_append(&whole, "", 1);
        char *found =
            length > 0 && access(buf_head(&whole), X_OK) == 0 ? mem_text(buf_head(&whole)) : NULL;
        buf_free(&whole);
        if (found)
            return found;
    }
    return NULL;
}

/* Where services are is not in everybody's PATH. */
static char *find_anywhere(const char *program)
{
    const char *path = getenv("PATH");
    char *found = path ? find_in_path(path, program) : NULL;
    return found ? found : find_in_path("/usr/local/sbin:/usr/sbin:/sbin", program);
}

char *program_find(const char *program, const char *experiment_path)
{
    if (!strchr(program, '/'))
        return find_anywhere(program);
    char *path = path_beside(experiment_path, program);
    if (access(path, X_OK) == 0)
        return path;
    free(path);
    return NULL;
}

/* Where programs come from whose names say it. */
static const struct {
    const char *program, *source;
} sources[] = {
    {"nginx", "Debian's package nginx"},
    {"haproxy", "Debian's package haproxy"},
    {"envoy", "not packaged by Debian: see its own site"},
    {"apache2", "Debian's package apache2"},
    {"varnishd", "Debian's package varnish"},
    {"h2o", "Debian's package h2o"},
    {"caddy", "Debian's package caddy"},
    {"traefik", "not packaged by Debian: see its own site"},
};

const char *program_describe_missing(const char *who, const char *program, char *out, size_t size)
{
    const char *slash = strrchr(program, '/'), *source = "looked for in PATH";
    for (size_t i = 0; i < ARRAY_LEN(sources); i++)
        if (strcmp(slash ? slash + 1 : program, sources[i].program) == 0)
            source = sources[i].source;
    snprintf(out, size, "%s \"%.80s\" is not installed (%s)", who, program,
             slash ? "there is no such program" : source);
    return out;
}

/* ---- their words */

static char *word_with(const char *word, const char *address)
{
    struct buf out = {0};
    for (const char *found; (found = strstr(word, PROGRAM_ADDRESS)) != NULL;) {
        buf_append(&out, word, (size_t)(found - word));
        buf_append_text(&out, address);
        word = found + strlen(PROGRAM_ADDRESS);
    }
    buf_append(&out, word, strlen(word) + 1);
    char *kept = mem_text(buf_head(&out));
    buf_free(&out);
    return kept;
}

char **program_words(const struct conf_list *command, const char *address)
{
    const char *const *items = command->items;
    char **words = mem_alloc(command->count + 1, sizeof(*words));
    for (size_t i = 0; i < command->count; i++)
        words[i] = word_with(items[i], address);
    return words;
}

void program_words_free(char **words)
{
    for (size_t i = 0; words && words[i]; i++)
        free(words[i]);
    free(words);
}
