/* SPDX-License-Identifier: MIT */
/* Paths that stand in an experiment count from where its file is. */
#ifndef TAILGATE_LAB_PLAN_PATHS_H
#define TAILGATE_LAB_PLAN_PATHS_H

struct cJSON;

/* `path` as seen from the working directory; free it. */
char *path_beside(const char *experiment_path, const char *path);

/* Makes the paths in `item` and below it (of replayed files, templates and programs) say the same
 * wherever the item is written to. */
void paths_make_absolute(struct cJSON *item, const char *experiment_path);

#endif
