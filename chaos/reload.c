/* SPDX-License-Identifier: MIT */
#include "chaos/reload.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

/* What becomes of a link, prepared before anything changes. */
struct step {
    const struct chaos_link_config *from, *to; /* `from` NULL: the file did not have it */
    struct link *link;
    struct link_ends ends, before; /* those it is to have, and those it had */
    struct fault **faults;         /* of `to`, in its order; NULL where one has been taken over */
    bool added, moved, enabled;    /* by this reload */
};

static const struct chaos_link_config *find_link(const struct chaos_config *config,
                                                 const char *name)
{
    const struct chaos_link_config *links = config->links.items;
    for (size_t i = 0; i < config->links.count; i++)
        if (strcmp(links[i].name, name) == 0)
            return &links[i];
    return NULL;
}

static const struct fault_config *find_fault(const struct chaos_link_config *link, const char *name)
{
    const struct fault_config *faults = link ? link->faults.items : NULL;
    for (size_t i = 0; link && i < link->faults.count; i++)
        if (strcmp(faults[i].name, name) == 0)
            return &faults[i];
    return NULL;
}

/* ---- what can fail */

static bool same_listen(const struct step *step)
{
    return step->from && strcmp(step->from->listen, step->to->listen) == 0;
}

static bool same_ends(const struct step *step)
{
    return same_listen(step) && strcmp(step->from->upstream, step->to->upstream) == 0;
}

static enum result prepare(const struct chaos_change *change, struct step *step,
                           struct error *error)
{
    const struct fault_config *faults = step->to->faults.items;
    enum result result = OK;
    step->from = find_link(change->from, step->to->name);
    step->link = links_find(change->links, step->to->name);
    step->ends = (struct link_ends){.listen = step->to->listen, .upstream = step->to->upstream};
    step->faults = mem_alloc(step->to->faults.count, sizeof(struct fault *));
    /* What port 0 has come to stays. */
    if (step->link && same_listen(step))
        step->ends.listen = step->link->listen;
    if (!step->link || !same_ends(step))
        result = link_find_ends(&step->ends, error);
    for (size_t i = 0; i < step->to->faults.count && result == OK; i++)
        result = fault_make(&step->faults[i], faults[i].item, change->source, error);
    return result;
}

static void remember_ends(struct step *step)
{
    const struct link *link = step->link;
    step->before = (struct link_ends){.listen = mem_text(link->listen),
                                      .upstream = mem_text(link->upstream),
                                      .listen_address = link->listen_address,
                                      .upstream_address = link->upstream_address};
}

/* Everything that takes an address. */
static enum result take(const struct chaos_change *change, struct step *step, struct error *error)
{
    enum result result = OK;
    step->added = !step->link;
    if (step->added)
        step->link = link_add(change->links, step->to->name);
    else
        remember_ends(step);
    if (step->added || !same_ends(step))
        result = link_set_ends(step->link, &step->ends, error);
    step->moved = result == OK && !step->added && !same_ends(step);
    bool wants = step->to->enabled && (step->added || !step->from || !step->from->enabled);
    if (result != OK || !wants || link_is_enabled(step->link))
        return result;
    result = link_enable(step->link, error);
    step->enabled = result == OK;
    return result;
}

static void take_back(struct step *step)
{
    struct error ignored;
    if (step->added) {
        link_remove(step->link);
        return;
    }
    if (step->enabled)
        link_disable(step->link);
    if (step->moved && link_set_ends(step->link, &step->before, &ignored) != OK)
        link_disable(step->link);
}

/* ---- what cannot */

static bool is_as_before(const struct live_fault *live, const struct fault *fault)
{
    return cJSON_Compare(conf_doc_root(live->fault->doc), conf_doc_root(fault->doc), true);
}

static void set_fault(struct link *link, struct fault **fault)
{
    struct live_fault *live = link_find_fault(link, (*fault)->config.name);
    if (live && is_as_before(live, *fault))
        return;
    if (live && live_config(live)->kind == (*fault)->config.kind) {
        link_change_fault(link, live, *fault);
    } else {
        if (live)
            link_remove_fault(link, live);
        link_add_fault(link, *fault, false);
    }
    *fault = NULL;
}

static void apply(struct step *step)
{
    const struct fault_config *before = step->from ? step->from->faults.items : NULL;
    for (size_t i = 0; step->from && i < step->from->faults.count; i++) {
        struct live_fault *live = link_find_fault(step->link, before[i].name);
        if (live && !find_fault(step->to, before[i].name))
            link_remove_fault(step->link, live);
    }
    for (size_t i = 0; i < step->to->faults.count; i++)
        set_fault(step->link, &step->faults[i]);
    if (step->from && step->from->enabled && !step->to->enabled && link_is_enabled(step->link))
        link_disable(step->link);
}

static void remove_absent(const struct chaos_change *change)
{
    const struct chaos_link_config *before = change->from->links.items;
    for (size_t i = 0; i < change->from->links.count; i++) {
        struct link *link = links_find(change->links, before[i].name);
        if (link && !find_link(change->to, before[i].name))
            link_remove(link);
    }
}

/* ---- all of it */

static void release(struct step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; steps[i].faults && j < steps[i].to->faults.count; j++)
            fault_free(steps[i].faults[j]);
        free(steps[i].faults);
        free((char *)(uintptr_t)steps[i].before.listen);
        free((char *)(uintptr_t)steps[i].before.upstream);
    }
    free(steps);
}

enum result chaos_change_run(const struct chaos_change *change, struct error *error)
{
    const struct chaos_link_config *links = change->to->links.items;
    size_t count = change->to->links.count, prepared = 0, taken = 0;
    struct step *steps = mem_alloc(count, sizeof(*steps));
    struct error why;
    enum result result = OK;
    for (; prepared < count && result == OK; prepared++) {
        steps[prepared].to = &links[prepared];
        result = prepare(change, &steps[prepared], &why);
    }
    for (; taken < count && result == OK; taken++)
        result = take(change, &steps[taken], &why);
    if (result != OK) {
        size_t failed = (taken > 0 ? taken : prepared) - 1;
        error_set(error, result, "link \"%.64s\": %s", links[failed].name, why.text);
        while (taken > 0)
            take_back(&steps[--taken]);
    } else {
        for (size_t i = 0; i < count; i++)
            apply(&steps[i]);
        remove_absent(change);
    }
    release(steps, count);
    return result;
}
