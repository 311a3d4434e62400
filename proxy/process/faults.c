/* SPDX-License-Identifier: MIT */
#include "proxy/process/faults.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "proxy/process/proxy.h"

/* ---- rules */

static void drop_rule(struct fault_rule *rule)
{
    if (atomic_fetch_sub(&rule->uses, 1) != 1)
        return;
    fault_free(rule->fault);
    if (atomic_fetch_sub(&rule->common->uses, 1) == 1) {
        free(rule->common->name);
        free(rule->common);
    }
    free(rule);
}

static struct fault_common *common_new(const struct proxy *proxy, const char *name)
{
    struct fault_common *common = mem_alloc(1, sizeof(*common));
    common->name = mem_text(name);
    common->name_id = NAME_NONE;
    common->epoch_later = proxy->faults.awaits_load;
    return common;
}

static struct fault_rule *rule_new(const struct proxy *proxy, struct fault *fault, bool configured)
{
    const struct fault_rule *before = proxy_faults_find(&proxy->faults, fault->config.name);
    struct fault_rule *rule = mem_alloc(1, sizeof(*rule));
    rule->fault = fault;
    rule->configured = configured;
    rule->since = mono_now();
    rule->common = before ? before->common : common_new(proxy, fault->config.name);
    atomic_fetch_add(&rule->common->uses, 1);
    atomic_store(&rule->uses, 1);
    return rule;
}

struct fault_rule *proxy_faults_rule_for_one(struct faults *faults, struct fault *fault)
{
    struct fault_rule *rule = mem_alloc(1, sizeof(*rule));
    rule->fault = fault;
    rule->since = mono_now();
    rule->common = &faults->asked;
    atomic_fetch_add(&rule->common->uses, 1);
    atomic_store(&rule->uses, 1);
    return rule;
}

static bool names_equal(const struct fault_rule *rule, const char *name)
{
    return strcmp(rule->fault->config.name, name) == 0;
}

static size_t find(const struct fault_set *set, const char *name)
{
    size_t i = 0;
    while (i < set->count && !names_equal(set->rules[i], name))
        i++;
    return i;
}

const struct fault_rule *proxy_faults_find(const struct faults *faults, const char *name)
{
    size_t found = find(&faults->current, name);
    return found < faults->current.count ? faults->current.rules[found] : NULL;
}

bool fault_rule_is_over(const struct fault_rule *rule, mono now)
{
    duration ttl = rule->fault->config.ttl;
    return ttl.ns > 0 && !mono_before(now, mono_add(rule->since, ttl));
}

/* ---- sets */

static void hold(struct fault_set *set, struct fault_rule *rule)
{
    atomic_fetch_add(&rule->uses, 1);
    set->rules[set->count++] = rule;
}

void proxy_faults_drop(struct fault_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        drop_rule(set->rules[i]);
    set->count = 0;
}

void proxy_faults_init(struct faults *faults, bool awaits_load)
{
    faults->awaits_load = awaits_load;
    faults->asked.name = (char *)(uintptr_t)FAULT_ASKED_NAME;
    faults->asked.name_id = NAME_NONE;
    atomic_store(&faults->asked.uses, 1); /* it is part of this */
    pthread_mutex_init(&faults->lock, NULL);
}

void proxy_faults_release(struct faults *faults)
{
    proxy_faults_drop(&faults->current);
    free(faults->names);
    pthread_mutex_destroy(&faults->lock);
}

static enum result add_configured(struct fault_set *set, const struct proxy *proxy,
                                  const struct fault_config *config, const char *source,
                                  struct error *error)
{
    const struct fault_rule *before = proxy_faults_find(&proxy->faults, config->name);
    struct fault *fault;
    if (before && cJSON_Compare(before->fault->config.item, config->item, true)) {
        hold(set, (struct fault_rule *)(uintptr_t)before);
        return OK;
    }
    enum result result = fault_make(&fault, config->item, source, error);
    if (result == OK)
        set->rules[set->count++] = rule_new(proxy, fault, true);
    return result;
}

/* Those that were added while it ran. */
static enum result keep_others(struct fault_set *set, const struct faults *faults,
                               struct error *error)
{
    for (size_t i = 0; i < faults->current.count; i++) {
        struct fault_rule *rule = faults->current.rules[i];
        if (rule->configured || find(set, rule->fault->config.name) < set->count)
            continue;
        if (set->count == FAULTS_MAX)
            return error_set(error, FAILED_INPUT,
                             "with those that were added while the gateway runs there are more "
                             "than %d faults",
                             FAULTS_MAX);
        hold(set, rule);
    }
    return OK;
}

enum result proxy_faults_prepare(struct fault_set *set, const struct generation *generation,
                                 struct error *error)
{
    const struct fault_config *configs = generation->config.faults.items;
    const struct proxy *proxy = generation->proxy;
    enum result result = OK;
    set->count = 0;
    for (size_t i = 0; i < generation->config.faults.count && result == OK; i++)
        result = add_configured(set, proxy, &configs[i], conf_doc_name(generation->doc), error);
    if (result == OK)
        result = keep_others(set, &proxy->faults, error);
    if (result != OK)
        proxy_faults_drop(set);
    return result;
}

static enum result name_rules(struct proxy *proxy, const struct fault_set *set, struct error *error)
{
    const struct names *names = &proxy->names;
    size_t known = names->count;
    for (size_t i = 0; i < set->count; i++) {
        struct fault_common *common = set->rules[i]->common;
        if (common->name_id == NAME_NONE) /* no worker knows it yet */
            common->name_id = names_add(&proxy->names, common->name);
    }
    if (proxy->config->fault_headers.trusted.count > 0 && proxy->faults.asked.name_id == NAME_NONE)
        proxy->faults.asked.name_id = names_add(&proxy->names, proxy->faults.asked.name);
    return proxy->store && names->count > known
               ? record_store_add_names(proxy->store, names->items + known, names->count - known,
                                        error)
               : OK;
}

static void begin_epochs(const struct fault_set *set)
{
    mono now = mono_now();
    for (size_t i = 0; i < set->count; i++) {
        struct fault_common *common = set->rules[i]->common;
        int64_t none = 0;
        if (!common->epoch_later)
            atomic_compare_exchange_strong(&common->epoch, &none, now.ns);
    }
}

static void announce(struct proxy *proxy)
{
    atomic_fetch_add(&proxy->faults.number, 1);
    for (size_t i = 0; i < proxy->worker_count; i++)
        if (proxy->workers[i].wake_fd >= 0)
            worker_wake(&proxy->workers[i]);
}

/* Whoever wants the same faults again needs to know. */
static void tell_seed(struct proxy *proxy, const struct fault_set *set)
{
    if (set->count > 0 && !proxy->faults.told)
        log_info(&proxy->log, NULL, "faults are drawn by the seed %llu",
                 (unsigned long long)proxy->seed);
    proxy->faults.told |= set->count > 0;
}

enum result proxy_faults_install(struct proxy *proxy, struct fault_set *set, struct error *error)
{
    struct faults *faults = &proxy->faults;
    struct fault_set before = faults->current;
    enum result result = name_rules(proxy, set, error);
    size_t size = proxy->names.count * sizeof(*proxy->names.items);
    begin_epochs(set);
    tell_seed(proxy, set);
    pthread_mutex_lock(&faults->lock);
    faults->current = *set;
    faults->names = mem_grow(faults->names, proxy->names.count, sizeof(*faults->names));
    memcpy(faults->names, proxy->names.items, size);
    faults->name_count = proxy->names.count;
    pthread_mutex_unlock(&faults->lock);
    set->count = 0;
    proxy_faults_drop(&before);
    announce(proxy);
    return result;
}

void proxy_faults_start(struct proxy *proxy, mono epoch)
{
    const struct fault_set *set = &proxy->faults.current;
    proxy->faults.awaits_load = false;
    for (size_t i = 0; i < set->count; i++) {
        struct fault_common *common = set->rules[i]->common;
        common->epoch_later = false;
        if (atomic_load(&common->epoch) == 0)
            atomic_store(&common->epoch, epoch.ns);
    }
    announce(proxy);
}

void proxy_faults_take(struct faults *faults, struct fault_set *set, const char ***names,
                       size_t *name_count, uint64_t *number)
{
    set->count = 0;
    pthread_mutex_lock(&faults->lock);
    *number = atomic_load(&faults->number);
    for (size_t i = 0; i < faults->current.count; i++)
        hold(set, faults->current.rules[i]);
    *names = mem_grow(*names, faults->name_count, sizeof(**names));
    if (faults->name_count > 0)
        memcpy(*names, faults->names, faults->name_count * sizeof(**names));
    *name_count = faults->name_count;
    pthread_mutex_unlock(&faults->lock);
}

/* ---- while it runs */

/* The current set without that rule, and without those whose time is over, unless the file has
 * them: they would begin anew when it is read again. */
static void copy_without(struct fault_set *set, const struct faults *faults, size_t left_out)
{
    mono now = mono_now();
    set->count = 0;
    for (size_t i = 0; i < faults->current.count; i++) {
        struct fault_rule *rule = faults->current.rules[i];
        if (i != left_out && (rule->configured || !fault_rule_is_over(rule, now)))
            hold(set, rule);
    }
}

static void install_fewer(struct proxy *proxy, struct fault_set *set)
{
    struct error error;
    if (proxy_faults_install(proxy, set, &error) != OK)
        log_warn(&proxy->log, NULL, "faults are recorded without names: %s", error.text);
}

enum result proxy_faults_put(struct proxy *proxy, struct fault *fault, struct error *error)
{
    struct fault_set set;
    size_t before = find(&proxy->faults.current, fault->config.name);
    copy_without(&set, &proxy->faults, before);
    if (set.count == FAULTS_MAX) {
        proxy_faults_drop(&set);
        fault_free(fault);
        return error_set(error, FAILED_INPUT, "there are %d faults already, which is the most",
                         FAULTS_MAX);
    }
    set.rules[set.count++] = rule_new(proxy, fault, false);
    return proxy_faults_install(proxy, &set, error);
}

bool proxy_faults_remove(struct proxy *proxy, const char *name)
{
    struct fault_set set;
    size_t found = find(&proxy->faults.current, name);
    if (found == proxy->faults.current.count)
        return false;
    copy_without(&set, &proxy->faults, found);
    install_fewer(proxy, &set);
    return true;
}

void proxy_faults_clear(struct proxy *proxy)
{
    struct fault_set none = {.count = 0};
    atomic_fetch_add(&proxy->faults.clearings, 1);
    install_fewer(proxy, &none);
}
