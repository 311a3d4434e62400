/* SPDX-License-Identifier: MIT */
/* The folder of a run: OUTPUT/NAME/<UTC time>/, and OUTPUT/NAME/latest that points to the newest.
 */
#ifndef TAILGATE_LAB_RUN_RUN_DIR_H
#define TAILGATE_LAB_RUN_RUN_DIR_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/result.h"

struct run_dir {
    char *path;
    char started[32]; /* "2026-11-23T08:00:00Z" */
};

/* Makes the folder and turns `latest` to it in one step. */
enum result run_dir_make(struct run_dir *dir, const char *output, const char *name,
                         struct error *error) MUST_USE;
void run_dir_free(struct run_dir *dir);

/* The path of a file in it; free it. */
char *run_dir_file(const struct run_dir *dir, const char *format, ...) PRINTF_LIKE(2, 3);

/* Makes a folder and those above it. */
enum result folder_make(const char *path, struct error *error) MUST_USE;

/* Removes a folder and what is in it; what cannot be removed stays. */
void folder_remove(const char *path);

/* Fails when less than `bytes` are free where `path`, or the nearest folder above it, is. */
enum result folder_check_space(const char *path, uint64_t bytes, struct error *error) MUST_USE;

/* Writes a file that appears whole or not at all. */
enum result file_write(const char *path, const char *bytes, size_t length,
                       struct error *error) MUST_USE;

#endif
