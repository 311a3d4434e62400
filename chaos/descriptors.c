/* SPDX-License-Identifier: MIT */
#include "chaos/descriptors.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

/* A process that may have no more than this open has none to spare. */
enum { LEAST = 32 };

void chaos_descriptors_keep(const struct log *log)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    if (limit.rlim_max < LEAST) {
        log_warn(log, NULL,
                 "the process may have %llu files open: none is kept for the API (raise the limit)",
                 (unsigned long long)limit.rlim_max);
        return;
    }
    limit.rlim_cur = limit.rlim_max - CHAOS_DESCRIPTORS_KEPT;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        log_warn(log, NULL, "none of the open files is kept for the API: %s", strerror(errno));
}
