/* SPDX-License-Identifier: MIT */
/* Which faults a backend can do to itself. */
#include <string.h>

#include "backend/config.h"

static const enum fault_kind kinds[] = {FAULT_REFUSE, FAULT_STOP_ACCEPTING, FAULT_DESCRIPTORS};

static bool is_known(int kind)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if ((int)kinds[i] == kind)
            return true;
    return false;
}

/* It happens to the whole process, and to all of its connections. */
static enum result check_conditions(struct conf_read *read, const struct fault_config *fault)
{
    static const char *const unfit[] = {"share", "ramp", "first", "max_active", "ttl"};
    for (size_t i = 0; i < ARRAY_LEN(unfit); i++) {
        const struct cJSON *given = conf_member(fault->item, unfit[i]);
        if (given)
            return conf_fail(read, given,
                             "\"%s\" means nothing here: a backend does this to all connections "
                             "(a link can choose)",
                             unfit[i]);
    }
    return OK;
}

static enum result check_fault(struct conf_read *read, const struct backend_config *config,
                               const struct fault_config *fault)
{
    if (!is_known(fault->kind))
        return conf_fail(read, conf_member(fault->item, "kind"),
                         "%s is nothing that a backend does to itself (expected refuse, "
                         "stop_accepting or descriptors; a link between it and its clients does "
                         "the others)",
                         fault_row((enum fault_kind)fault->kind)->name);
    if (fault->kind == FAULT_REFUSE && strncmp(config->address, "unix:", strlen("unix:")) == 0)
        return conf_fail(read, conf_member(fault->item, "kind"),
                         "refuse needs a port: a unix socket that was closed cannot listen again");
    return check_conditions(read, fault);
}

enum result faults_config_check(struct conf_read *read, const struct backend_config *config)
{
    const struct fault_config *faults = config->faults.items;
    enum result result = OK;
    for (size_t i = 0; i < config->faults.count && result == OK; i++)
        result = check_fault(read, config, &faults[i]);
    return result;
}
