/* SPDX-License-Identifier: MIT */
#ifndef TAILGATE_PROXY_PROCESS_DESCRIPTORS_H
#define TAILGATE_PROXY_PROCESS_DESCRIPTORS_H

#include "lib/base/log.h"

/* Raises the limit of open files to the highest the system allows this process, and says what it
 * is. */
void descriptors_raise(const struct log *log);

#endif
