/* SPDX-License-Identifier: MIT */
/* Keys that say nothing beside what the others say: whoever writes one believes in something that
 * the gateway does not do, so that it is an error. */
#ifndef TAILGATE_PROXY_CONFIG_EFFECT_H
#define TAILGATE_PROXY_CONFIG_EFFECT_H

#include "lib/conf/conf.h"

struct effect {
    const char *key;
    bool has;            /* it has one */
    const char *because; /* or why not: "without \"x\"" */
};

/* An error at the first of the item's keys that has no effect; OK for those that do not stand
 * there.
 */
enum result effects_check(struct conf_read *read, const struct cJSON *item,
                          const struct effect *effects, size_t count) MUST_USE;

#endif
