/* SPDX-License-Identifier: MIT */
/* Lists of DNS servers in a configuration. */
#ifndef TAILGATE_LIB_CONF_SERVERS_H
#define TAILGATE_LIB_CONF_SERVERS_H

#include "lib/base/ip.h"
#include "lib/conf/conf.h"

/* For the check of a table with a list of texts: each as an address with or without a port, in the
 * reader's arena; `*peers` is NULL when there are none. Fails at `at`. */
enum result conf_read_servers(struct conf_read *read, const struct conf_list *texts,
                              const struct cJSON *at, const struct ip_peer **peers) MUST_USE;

#endif
