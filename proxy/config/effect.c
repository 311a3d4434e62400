/* SPDX-License-Identifier: MIT */
#include "proxy/config/effect.h"

enum result effects_check(struct conf_read *read, const struct cJSON *item,
                          const struct effect *effects, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct cJSON *at = conf_member(item, effects[i].key);
        if (at && !effects[i].has)
            return conf_fail(read, at, "\"%s\" has no effect %s", effects[i].key,
                             effects[i].because);
    }
    return OK;
}
