/* SPDX-License-Identifier: MIT */
/* What must be right about faults in a gateway beyond each fault itself. */
#ifndef TAILGATE_PROXY_CONFIG_CONFIG_FAULT_H
#define TAILGATE_PROXY_CONFIG_CONFIG_FAULT_H

#include "chaos/fault/fault.h"
#include "proxy/config/config_origin.h"

struct proxy_config;

/* More than these would not have a bit each in what a request remembers. */
enum { FAULTS_MAX = 64, FAULT_PROBLEM = 256, FAULT_NAME_LONGEST = 255 };

/* What faults that requests ask for are called, all of them together. */
#define FAULT_ASKED_NAME "requested"

/* Who may ask for faults by header fields, and for how much. */
struct fault_headers_config {
    struct conf_list trusted;     /* const char *; empty = nobody */
    struct origin_config clients; /* derived */
    double max_share;
    duration max_delay, max_time;
    int64_t max_active; /* 0 = no limit */
};

extern const struct conf_table fault_headers_table;

/* What keeps the gateway from having such a fault: writes it into `problem`, sets `*at` to the part
 * of the fault's JSON it is about, and returns false. */
bool config_fault_fits(const struct proxy_config *config, const struct fault_config *fault,
                       char problem[FAULT_PROBLEM], const struct cJSON **at);

/* For all that the file has. */
enum result config_check_faults(struct conf_read *read, const struct proxy_config *config) MUST_USE;

#endif
