/* SPDX-License-Identifier: MIT */
/* The limit of open files: raised, divided, and checked before it can be met. */
#ifndef TAILGATE_PROXY_PROCESS_DESCRIPTORS_H
#define TAILGATE_PROXY_PROCESS_DESCRIPTORS_H

#include "lib/base/log.h"
#include "proxy/config/config.h"

/* How many of them the admin address has for itself, when there is one. */
enum { DESCRIPTORS_KEPT = 8 };

/* Raises the limit of open files to the highest the system allows this process, less what is kept
 * for the admin address, and says what it is. Fails when that is too little to start and serve with
 * so many workers: to be called before anything is opened that stays open. */
enum result descriptors_raise(const struct proxy_config *config, size_t workers,
                              const struct log *log, struct error *error) MUST_USE;

#endif
