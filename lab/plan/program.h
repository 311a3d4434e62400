/* SPDX-License-Identifier: MIT */
/* Programs of an experiment that are not this one: where they are, and the words that a backend is
 * started with. */
#ifndef TAILGATE_LAB_PLAN_PROGRAM_H
#define TAILGATE_LAB_PLAN_PROGRAM_H

#include <stddef.h>

struct conf_list;

/* What stands for the address that a backend is to listen on. */
#define PROGRAM_ADDRESS "{address}"

/* Where the program is: a path with a folder is beside the experiment, others are looked for in
 * PATH and where services are. NULL: it is not there. Free it. */
char *program_find(const char *program, const char *experiment_path);

/* Why it cannot be run on this machine: "the gateway "nginx" is not installed (...)". In `out`. */
const char *program_describe_missing(const char *who, const char *program, char *out, size_t size);

/* The words of a backend's command (const char *) with the address in place, NULL-ended. */
char **program_words(const struct conf_list *command, const char *address);
void program_words_free(char **words);

#endif
