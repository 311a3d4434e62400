/* SPDX-License-Identifier: MIT */
/* The limit of open files, and what of it is kept for the API: links that have used up all others
 * must not keep anybody from stopping a fault. */
#ifndef TAILGATE_CHAOS_DESCRIPTORS_H
#define TAILGATE_CHAOS_DESCRIPTORS_H

#include "lib/base/log.h"

/* How many the API has for itself. */
enum { CHAOS_DESCRIPTORS_KEPT = 8 };

/* Raises the limit to the highest the system allows this process, less those that are kept. */
void chaos_descriptors_keep(const struct log *log);

#endif
