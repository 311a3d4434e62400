/* SPDX-License-Identifier: MIT */
#include "proxy/process/descriptors.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

/* What is open for as long as the gateway runs, without any connection. */
enum {
    OF_PROCESS = 7,    /* the standard ones, the main thread's loop and its wake-up */
    OF_MANAGER = 1,    /* the line to a service manager */
    OF_LOG = 1,        /* the access log */
    OF_ADMIN = 1,      /* the admin address */
    OF_RECORDS = 2,    /* their folder and their thread's wake-up */
    OF_WORKER = 4,     /* its loop and its wake-up */
    OF_FAULTS = 1,     /* a worker's alarms */
    OF_WRITER = 2,     /* a worker's segment and a spare one */
    OF_REQUEST = 2,    /* a client and an endpoint */
    TO_WORK_WITH = 16, /* files that are read, name servers, sockets of a reload */
};

static uint64_t kept(const struct proxy_config *config)
{
    return config->admin.address ? DESCRIPTORS_KEPT : 0;
}

static uint64_t needed(const struct proxy_config *config, size_t workers)
{
    uint64_t each = OF_WORKER + OF_REQUEST + config->listeners.count;
    uint64_t once = OF_PROCESS + OF_MANAGER + TO_WORK_WITH;
    if (config->record) {
        each += OF_WRITER;
        once += OF_RECORDS;
    }
    if (config->faults.count > 0)
        each += OF_FAULTS;
    if (config->access_log.path)
        once += OF_LOG;
    if (config->admin.address)
        once += OF_ADMIN + DESCRIPTORS_KEPT;
    return once + each * workers;
}

static enum result too_few(uint64_t limit, uint64_t wanted, size_t workers, size_t listeners,
                           struct error *error)
{
    return error_set(
        error, FAILED_SYSTEM,
        "the process may have %llu files open and needs %llu at least, with %zu workers "
        "and %zu listeners (raise the limit: LimitNOFILE in a unit, ulimit -n in a "
        "shell; or have fewer \"workers\")",
        (unsigned long long)limit, (unsigned long long)wanted, workers, listeners);
}

enum result descriptors_raise(const struct proxy_config *config, size_t workers,
                              const struct log *log, struct error *error)
{
    struct rlimit limit;
    uint64_t wanted = needed(config, workers);
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return OK;
    if (limit.rlim_max < wanted)
        return too_few(limit.rlim_max, wanted, workers, config->listeners.count, error);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max - kept(config);
    if (before != limit.rlim_cur && setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        log_warn(log, NULL, "at most %llu open files: the limit cannot be raised: %s",
                 (unsigned long long)before, strerror(errno));
        return before < wanted ? too_few(before, wanted, workers, config->listeners.count, error)
                               : OK;
    }
    log_info(log, NULL, "at most %llu open files (each request needs two%s)",
             (unsigned long long)limit.rlim_max,
             config->admin.address ? ", and the admin address has some of its own" : "");
    return OK;
}
