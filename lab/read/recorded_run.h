/* SPDX-License-Identifier: MIT */
/* A run that is over, as its database tells it: what was asked, and how it ended. */
#ifndef TAILGATE_LAB_READ_RECORDED_RUN_H
#define TAILGATE_LAB_READ_RECORDED_RUN_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/result.h"

struct sqlite3;

struct recorded_variant {
    char *label;
    char *values; /* JSON: pointer -> value */
};

struct recorded_run {
    char *folder;
    struct sqlite3 *db;
    char *name, *started, *seed, *version, *experiment; /* the file's text */
    char *path;                                         /* where that file was, or NULL */
    char *problem;                                      /* why it was cut short, or NULL */
    uint64_t dropped;
    size_t cut_rounds; /* rounds that did not run to their end */
    double busy_share; /* of all cores, in the busiest round */
    struct recorded_variant *variants;
    size_t variant_count;
};

/* `run` is the folder of a run, or runs/NAME for the newest of that name. */
enum result recorded_run_open(struct recorded_run *run, const char *path,
                              struct error *error) MUST_USE;
void recorded_run_close(struct recorded_run *run);

/* The number of a label, or -1. */
int recorded_run_variant(const struct recorded_run *run, const char *label);

/* The folder that holds `file`: the one that was named, or the newest run below it. NULL when there
 * is none; free it. */
char *run_folder(const char *run, const char *file);

#endif
