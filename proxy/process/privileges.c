/* SPDX-License-Identifier: MIT */
#include "proxy/process/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_inherited(int keep)
{
    unsigned first = STDERR_FILENO + 1;
    if (keep < (int)first) {
        (void)close_range(first, ~0U, 0);
        return;
    }
    if (keep > (int)first)
        (void)close_range(first, (unsigned)keep - 1, 0);
    (void)close_range((unsigned)keep + 1, ~0U, 0);
}

void privileges_confine(int keep)
{
    static const struct rlimit none = {0, 0};
    close_inherited(keep);
    umask(027);
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static enum result find_user(const char *name, struct passwd *user, char *texts, size_t size,
                             struct error *error)
{
    struct passwd *found = NULL;
    errno = getpwnam_r(name, user, texts, size, &found);
    if (found)
        return OK;
    if (errno)
        return error_errno(error, "cannot look up the user \"%s\"", name);
    return error_set(error, FAILED_INPUT, "there is no user \"%s\" on this machine", name);
}

static enum result find_group(const char *name, gid_t *id, struct error *error)
{
    char texts[16384];
    struct group group, *found = NULL;
    errno = getgrnam_r(name, &group, texts, sizeof(texts), &found);
    if (found) {
        *id = group.gr_gid;
        return OK;
    }
    if (errno)
        return error_errno(error, "cannot look up the group \"%s\"", name);
    return error_set(error, FAILED_INPUT, "there is no group \"%s\" on this machine", name);
}

enum result privileges_find_user(const char *name, struct error *error)
{
    char texts[16384];
    struct passwd user;
    return find_user(name, &user, texts, sizeof(texts), error);
}

enum result privileges_find_group(const char *name, struct error *error)
{
    gid_t id;
    return find_group(name, &id, error);
}

static enum result become(const char *name, uid_t user, gid_t group, struct error *error)
{
    if (geteuid() == user && getegid() == group && getuid() == user)
        return OK;
    if (geteuid() != 0)
        return error_set(error, FAILED_SYSTEM,
                         "cannot become the user \"%s\": only root can (start the gateway as root, "
                         "or leave \"user\" out)",
                         name);
    if (initgroups(name, group) != 0 || setresgid(group, group, group) != 0 ||
        setresuid(user, user, user) != 0)
        return error_errno(error, "cannot become the user \"%s\"", name);
    return OK;
}

enum result privileges_drop(const struct proxy_config *config, const struct log *log,
                            struct error *error)
{
    char texts[16384];
    struct passwd user;
    if (!config->user) {
        if (geteuid() == 0)
            log_warn(log, NULL,
                     "the gateway runs as root: say \"user\" in the configuration, and it becomes "
                     "that user once its ports are open");
        return OK;
    }
    enum result result = find_user(config->user, &user, texts, sizeof(texts), error);
    if (result != OK)
        return result;
    gid_t group = user.pw_gid;
    if (config->group)
        result = find_group(config->group, &group, error);
    if (result == OK)
        result = become(config->user, user.pw_uid, group, error);
    if (result == OK)
        log_info(log, NULL, "runs as the user %s (%u:%u)", config->user, (unsigned)user.pw_uid,
                 (unsigned)group);
    return result;
}
