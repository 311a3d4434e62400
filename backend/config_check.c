/* SPDX-License-Identifier: MIT */
/* What a backend's tables cannot say. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/config.h"
#include "lib/base/buf.h"

/* ---- responses */

static bool is_field_name(const char *text)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (const char *at = text; *at; at++)
        if (!isalnum((unsigned char)*at) && !strchr(others, *at))
            return false;
    return *text != '\0';
}

static bool is_field_value(const char *text)
{
    for (const char *at = text; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            return false;
    return true;
}

/* The server writes these itself: a second one would make two messages of one. */
static bool is_framing(const char *name)
{
    static const char *const names[] = {"content-length", "transfer-encoding", "connection", "date",
                                        "server-timing"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

static enum result check_header(struct conf_read *read, const struct header_config *header,
                                const struct cJSON *item)
{
    if (!is_field_name(header->name))
        return conf_fail(read, item, "\"%s\" cannot be the name of a header field", header->name);
    if (is_framing(header->name))
        return conf_fail(read, item, "\"%s\" is set by the server itself", header->name);
    if (!is_field_value(header->value))
        return conf_fail(read, item, "the value of \"%s\" has a control character in it",
                         header->name);
    return OK;
}

enum result respond_config_check(struct conf_read *read, void *object, const struct cJSON *item)
{
    struct respond_config *respond = object;
    const struct header_config *headers = respond->headers.items;
    struct buf lines = {0};
    enum result result = OK;
    for (size_t i = 0; i < respond->headers.count && result == OK; i++) {
        const struct cJSON *members = conf_member(item, "headers");
        result = check_header(read, &headers[i], conf_member(members, headers[i].name));
        buf_printf(&lines, "%s: %s\r\n", headers[i].name, headers[i].value);
    }
    respond->fields = arena_text(conf_read_arena(read), buf_head(&lines), buf_len(&lines));
    buf_free(&lines);
    return result;
}

/* ---- steps */

/* What the steps before have of a resource. */
struct hold {
    bool acquired; /* ever */
    int slots;     /* held now */
};

/* A loop takes some each turn: how many is not counted. */
enum { MANY = 1000000 };

struct walk {
    struct conf_read *read;
    struct backend_config *config;
    int depth;          /* of loops around the steps */
    bool responded;     /* by a step before */
    struct hold *holds; /* by resource */
};

static enum result resolve(struct walk *walk, struct step *step, const char *key)
{
    const struct resource_config *resources = walk->config->resources.items;
    size_t count = walk->config->resources.count;
    const char **names = mem_alloc(count, sizeof(*names));
    for (size_t i = 0; i < count; i++) {
        names[i] = resources[i].name;
        if (strcmp(names[i], step->resource.name) == 0) {
            step->resource.index = i;
            free(names);
            return OK;
        }
    }
    const char *nearest = conf_nearest(step->resource.name, names, count);
    free(names);
    return conf_fail(walk->read, conf_member(step->item, key),
                     "no resource is named \"%s\" (%s%s%s)", step->resource.name,
                     nearest ? "nearest: \"" : "add it to \"resources\"", nearest ? nearest : "",
                     nearest ? "\"" : "");
}

static void acquire(struct walk *walk, const struct step *step)
{
    struct hold *hold = &walk->holds[step->resource.index];
    hold->acquired = true;
    hold->slots++;
}

static enum result check_release(struct walk *walk, const struct step *step)
{
    struct hold *hold = &walk->holds[step->resource.index];
    if (hold->slots > 0) {
        hold->slots -= hold->slots < MANY;
        return OK;
    }
    return conf_fail(walk->read, conf_member(step->item, "release"),
                     hold->acquired
                         ? "what was acquired of \"%s\" has been released already by a "
                           "step before this one"
                         : "\"%s\" cannot be released: no step before this one acquires it",
                     step->resource.name);
}

static enum result check_answer(struct walk *walk, const struct step *step)
{
    if (walk->depth > 0 && step->kind == STEP_RESPOND)
        return conf_fail(walk->read, step->item,
                         "\"respond\" cannot stand in a loop: a request has one response");
    if (walk->responded)
        return conf_fail(walk->read, step->item, "a step before this one has responded already");
    walk->responded = step->kind == STEP_RESPOND;
    return OK;
}

static enum result check_steps(struct walk *walk, struct conf_list *list);

static enum result check_loop(struct walk *walk, struct step *step)
{
    if (walk->depth == LOOP_DEPTH)
        return conf_fail(walk->read, step->item, "loops may be nested %d deep at most", LOOP_DEPTH);
    size_t count = walk->config->resources.count;
    struct hold *before = mem_alloc(count, sizeof(*before));
    if (count > 0)
        memcpy(before, walk->holds, count * sizeof(*before));
    walk->depth++;
    enum result result = check_steps(walk, &step->loop.steps);
    walk->depth--;
    for (size_t i = 0; i < count; i++)
        if (walk->holds[i].slots > before[i].slots)
            walk->holds[i].slots = MANY;
    free(before);
    return result;
}

static enum result check_resource(struct walk *walk, struct step *step)
{
    bool acquires = step->kind == STEP_ACQUIRE;
    enum result result = resolve(walk, step, acquires ? "acquire" : "release");
    if (result != OK)
        return result;
    if (!acquires)
        return check_release(walk, step);
    acquire(walk, step);
    return OK;
}

static enum result check_step(struct walk *walk, struct step *step)
{
    switch (step->kind) {
    case STEP_ACQUIRE:
    case STEP_RELEASE:
        return check_resource(walk, step);
    case STEP_LOOP:
        return check_loop(walk, step);
    case STEP_RESPOND:
    case STEP_FAIL:
        return check_answer(walk, step);
    default:
        return OK;
    }
}

static enum result check_steps(struct walk *walk, struct conf_list *list)
{
    struct step *steps = list->items;
    for (size_t i = 0; i < list->count; i++) {
        enum result result = check_step(walk, &steps[i]);
        if (result != OK)
            return result;
    }
    return OK;
}

/* ---- the heap */

enum result heap_config_check(struct conf_read *read, void *object, const struct cJSON *item)
{
    const struct heap_config *heap = object;
    if (heap_has_collector((enum heap_collector)heap->collector))
        return OK;
    return conf_fail(read, conf_member(item, "collector"),
                     "this tailgate was built without libgc: install its headers (Debian: "
                     "libgc-dev), run configure and build it again, or leave \"collector\" out");
}

/* ---- the whole */

static enum result check_handler(struct conf_read *read, struct backend_config *config,
                                 struct handler_config *handler)
{
    struct walk walk = {.read = read, .config = config};
    walk.holds = mem_alloc(config->resources.count, sizeof(*walk.holds));
    enum result result = check_steps(&walk, &handler->steps);
    free(walk.holds);
    return result;
}

static enum result check_handlers(struct conf_read *read, struct backend_config *config,
                                  const struct cJSON *item)
{
    struct handler_config *handlers = config->handlers.items;
    for (size_t i = 0; i < config->handlers.count; i++) {
        if (handlers[i].path[0] != '/')
            return conf_fail(read, conf_member(conf_member(item, "handlers"), handlers[i].path),
                             "the path \"%s\" does not start with a slash", handlers[i].path);
        enum result result = check_handler(read, config, &handlers[i]);
        if (result != OK)
            return result;
    }
    return OK;
}

static void name_pauses(struct conf_read *read, struct backend_config *config)
{
    struct pause_config *pauses = config->pauses.items;
    for (size_t i = 0; i < config->pauses.count; i++) {
        char name[32];
        if (pauses[i].name)
            continue;
        int length = snprintf(name, sizeof(name), "pause-%zu", i);
        pauses[i].name = arena_text(conf_read_arena(read), name, (size_t)length);
    }
}

enum result backend_config_check(struct conf_read *read, void *object, const struct cJSON *item)
{
    struct backend_config *config = object;
    name_pauses(read, config);
    enum result result = faults_config_check(read, config);
    return result == OK ? check_handlers(read, config, item) : result;
}

const struct handler_config *backend_config_handler(const struct backend_config *config,
                                                    const char *path, size_t length)
{
    const struct handler_config *handlers = config->handlers.items;
    const struct handler_config *best = NULL;
    size_t best_length = 0;
    for (size_t i = 0; i < config->handlers.count; i++) {
        size_t n = strlen(handlers[i].path);
        if (n > length || memcmp(handlers[i].path, path, n) != 0)
            continue;
        if (n == length)
            return &handlers[i];
        if (handlers[i].path[n - 1] == '/' && n > best_length) {
            best = &handlers[i];
            best_length = n;
        }
    }
    return best;
}
