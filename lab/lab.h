/* SPDX-License-Identifier: MIT */
/* The laboratory: runs an experiment (backends, gateway, faults and load on real sockets), records
 * what happened to every request, and says which expectations hold. */
#ifndef TAILGATE_LAB_LAB_H
#define TAILGATE_LAB_LAB_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/result.h"

struct conf_table;

struct lab_options {
    const char *experiment; /* path of the experiment file */
    const char *output;     /* folder of all runs; NULL = "runs" */
    bool has_seed;
    int64_t seed; /* instead of the file's */
    /* Of the processes that the lab starts by `tailgate backend` and `tailgate proxy`. */
    const struct conf_table *backend_table;
    const struct conf_table *proxy_table;
};

/* Runs it, from the file to the verdict; progress, table and messages go to stdout and stderr. */
enum exit_status lab_run(const struct lab_options *options);

/* Everything that lab_run checks before it starts anything, with the same message. Only the
 * experiment and the tables of `options` are looked at. */
enum result lab_check(const struct lab_options *options, struct error *error) MUST_USE;

/* The forms of a result: REPORT_TEXT and so on, and how each is called. */
#define REPORT_FORMATS(X)            X(TEXT, "text") X(JSON, "json") X(JUNIT, "junit") X(MARKDOWN, "markdown")
#define REPORT_FORMAT_ENUM(id, name) REPORT_##id,
enum report_format { REPORT_FORMATS(REPORT_FORMAT_ENUM) REPORT_FORMAT_COUNT };
#undef REPORT_FORMAT_ENUM

/* Prints the result of a run again. `run` is its folder, or runs/NAME for the newest of them. */
enum exit_status lab_report(const char *run, enum report_format format);

#endif
