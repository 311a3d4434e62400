/* SPDX-License-Identifier: MIT */
/* The forms of a distribution that are JSON objects: {"quantiles": ...} and {"replay": ...}. */
#ifndef TAILGATE_LIB_CONF_DISTRIBUTION_H
#define TAILGATE_LIB_CONF_DISTRIBUTION_H

#include "lib/base/dist.h"
#include "lib/conf/read.h"

extern const struct conf_table conf_distribution_table;

enum result conf_distribution_read(struct conf_read *read, const struct conf_key *key,
                                   const cJSON *item, struct dist *dist) MUST_USE;

/* Reads the values of a replay file, one a line; `item` is the file's name in the configuration,
 * relative to the configuration's own folder. */
enum result conf_replay_read(struct conf_read *read, const cJSON *item, struct dist *dist) MUST_USE;

#endif
