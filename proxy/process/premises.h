/* SPDX-License-Identifier: MIT */
/* Whether a configuration, which is right in itself key by key, can be started from: its addresses
 * beside each other, and what it names on the machine. What the file says is wrong is found all at
 * once, each with its place. */
#ifndef TAILGATE_PROXY_PROCESS_PREMISES_H
#define TAILGATE_PROXY_PROCESS_PREMISES_H

#include "proxy/config/config.h"

enum premises {
    PREMISES_FILE = 1,    /* what the file says, wherever it is read */
    PREMISES_MACHINE = 2, /* users, groups and folders that it names */
};

/* Called with "FILE:LINE:COL: message". */
typedef void premises_say(void *arg, const char *message);

/* Says everything that is in the way; FAILED_SYSTEM when it is but folders that are missing. `what`
 * has bits of enum premises. */
enum result premises_check(const struct conf_doc *doc, const struct proxy_config *config,
                           unsigned what, premises_say *say, void *arg) MUST_USE;

#endif
