/* SPDX-License-Identifier: MIT */
/* Transitions that the log speaks of as well: limits at which requests wait or are refused. */
#ifndef TAILGATE_PROXY_OBSERVE_STATE_LOG_H
#define TAILGATE_PROXY_OBSERVE_STATE_LOG_H

#include "lib/base/log.h"
#include "lib/base/log_pace.h"
#include "lib/record/tables.h"

/* Of one worker. A zeroed one is ready. */
struct state_log {
    struct log_pace paces[STATE_KIND_COUNT];
};

/* Says it when the kind is one of those, at most once in ten seconds for each kind. `subject` is
 * whom it is about, or NULL. */
void state_log_say(struct state_log *state_log, const struct log *log, enum state_kind kind,
                   const char *subject, mono now);

#endif
