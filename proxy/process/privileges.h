/* SPDX-License-Identifier: MIT */
/* What the process may do: less and less on its way to serving. */
#ifndef TAILGATE_PROXY_PROCESS_PRIVILEGES_H
#define TAILGATE_PROXY_PROCESS_PRIVILEGES_H

#include "lib/base/log.h"
#include "lib/base/result.h"
#include "proxy/config/config.h"

/* At the very start: closes what the process has inherited, but for the standard descriptors and
 * `keep` (-1: none); nobody else may write or read what it makes; no core files, which would hold
 * keys; no privileges by programs with the set-user-ID bit. */
void privileges_confine(int keep);

/* Fail when this machine knows nobody of that name. */
enum result privileges_find_user(const char *name, struct error *error) MUST_USE;
enum result privileges_find_group(const char *name, struct error *error) MUST_USE;

/* Once everything is bound that needs privileges: becomes the configured user and group. Logs a
 * warning when the process stays root. */
enum result privileges_drop(const struct proxy_config *config, const struct log *log,
                            struct error *error) MUST_USE;

#endif
