/* SPDX-License-Identifier: MIT */
/* Endpoints that stand in a file of their own, which others write: read with the configuration, and
 * looked at from time to time. */
#ifndef TAILGATE_PROXY_CONFIG_ENDPOINTS_FILE_H
#define TAILGATE_PROXY_CONFIG_ENDPOINTS_FILE_H

#include "proxy/config/config.h"

/* Reads the files that upstreams name into their lists of endpoints; the strings go into `arena`.
 * The error is at the place in the configuration that names the file, with the place in the file
 * behind it. */
enum result endpoints_files_read(const struct conf_doc *doc, struct proxy_config *config,
                                 struct arena *arena, struct error *error) MUST_USE;

/* The first upstream whose file is another than the one that was read, or than the one that was
 * there when endpoints_files_mark was last called; NULL: none. */
const struct upstream_config *endpoints_files_changed(const struct proxy_config *config);
void endpoints_files_mark(struct proxy_config *config);

/* Whether there is any. */
bool endpoints_files_used(const struct proxy_config *config);

#endif
