/* SPDX-License-Identifier: MIT */
#include "proxy/process/descriptors.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

void descriptors_raise(const struct log *log)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (before < limit.rlim_max && setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        log_warn(log, NULL, "at most %llu open files: the limit cannot be raised: %s",
                 (unsigned long long)before, strerror(errno));
        return;
    }
    log_info(log, NULL, "at most %llu open files (each request needs two)",
             (unsigned long long)limit.rlim_max);
}
