/* SPDX-License-Identifier: MIT */
#include "lab/run/run_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/memory.h"
#include "lib/base/units.h"

PRINTF_LIKE(1, 0) static char *format_text(const char *format, va_list args)
{
    char *text;
    if (vasprintf(&text, format, args) < 0)
        abort();
    return text;
}

static char *text_of(const char *format, ...) PRINTF_LIKE(1, 2);
static char *text_of(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = format_text(format, args);
    va_end(args);
    return text;
}

char *run_dir_file(const struct run_dir *dir, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *name = format_text(format, args);
    va_end(args);
    char *path = text_of("%s/%s", dir->path, name);
    free(name);
    return path;
}

enum result folder_make(const char *path, struct error *error)
{
    char *part = mem_text(path);
    enum result result = OK;
    for (char *slash = part; slash && result == OK;) {
        slash = strchr(slash + 1, '/');
        if (slash)
            *slash = '\0';
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            result = error_errno(error, "%s: cannot make the folder", part);
        if (slash)
            *slash = '/';
    }
    free(part);
    return result;
}

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *walk)
{
    remove(path);
    return 0;
}

void folder_remove(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

enum result folder_check_space(const char *path, uint64_t bytes, struct error *error)
{
    char *folder = mem_text(path);
    struct stat about;
    for (char *slash; stat(folder, &about) != 0 && (slash = strrchr(folder, '/'));)
        *slash = '\0';
    struct statvfs space;
    const char *where = stat(folder, &about) == 0 ? folder : folder[0] ? "." : "/";
    enum result result = OK;
    if (statvfs(where, &space) == 0 && (uint64_t)space.f_bavail * space.f_frsize < bytes) {
        char needed[32], free_bytes[32];
        result = error_set(error, FAILED_SYSTEM,
                           "%s: the run needs about %s and %s are free (free some space, choose "
                           "another folder with --output, or lower the rate, duration or rounds)",
                           path, units_format_size(needed, sizeof(needed), bytes),
                           units_format_size(free_bytes, sizeof(free_bytes),
                                             (uint64_t)space.f_bavail * space.f_frsize));
    }
    free(folder);
    return result;
}

/* A second run within a second gets a number behind its time. */
static enum result make_dated(struct run_dir *dir, const char *parent, const char *stamp,
                              struct error *error)
{
    for (int attempt = 1; attempt < 100; attempt++) {
        free(dir->path);
        dir->path = attempt == 1 ? text_of("%s/%s", parent, stamp)
                                 : text_of("%s/%s-%d", parent, stamp, attempt);
        if (mkdir(dir->path, 0755) == 0)
            return OK;
        if (errno != EEXIST)
            break;
    }
    return error_errno(error, "%s: cannot make the run's folder", dir->path);
}

static enum result point_latest(const char *parent, const char *target, struct error *error)
{
    char *latest = text_of("%s/latest", parent);
    char *fresh = text_of("%s/.latest.%d", parent, (int)getpid());
    enum result result = OK;
    if (symlink(target, fresh) != 0 || rename(fresh, latest) != 0) {
        result = error_errno(error, "%s: cannot make it point to the new run", latest);
        unlink(fresh);
    }
    free(latest);
    free(fresh);
    return result;
}

enum result run_dir_make(struct run_dir *dir, const char *output, const char *name,
                         struct error *error)
{
    *dir = (struct run_dir){0};
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    char stamp[32];
    strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &utc);
    strftime(dir->started, sizeof(dir->started), "%Y-%m-%dT%H:%M:%SZ", &utc);
    char *parent = text_of("%s/%s", output, name);
    enum result result = folder_make(parent, error);
    if (result == OK)
        result = make_dated(dir, parent, stamp, error);
    if (result == OK)
        result = point_latest(parent, strrchr(dir->path, '/') + 1, error);
    free(parent);
    return result;
}

void run_dir_free(struct run_dir *dir)
{
    free(dir->path);
    dir->path = NULL;
}

static enum result write_all(int fd, const char *path, const char *bytes, size_t length,
                             struct error *error)
{
    while (length > 0) {
        ssize_t put = write(fd, bytes, length);
        if (put < 0 && errno != EINTR)
            return error_errno(error, "%s: cannot write it", path);
        if (put > 0) {
            bytes += put;
            length -= (size_t)put;
        }
    }
    return OK;
}

enum result file_write(const char *path, const char *bytes, size_t length, struct error *error)
{
    char *fresh = text_of("%s.new", path);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    enum result result = fd < 0 ? error_errno(error, "%s: cannot write it", path)
                                : write_all(fd, path, bytes, length, error);
    if (fd >= 0 && close(fd) != 0 && result == OK)
        result = error_errno(error, "%s: cannot write it", path);
    if (result == OK && rename(fresh, path) != 0)
        result = error_errno(error, "%s: cannot write it", path);
    if (result != OK)
        unlink(fresh);
    free(fresh);
    return result;
}
