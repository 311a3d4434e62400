/* SPDX-License-Identifier: MIT */
/* What can be set on an upstream, as its configuration says it and as a replay needs it: one table
 * of axes, from which come the reader, the names in texts and options, and the keys that are
 * changed when a prediction is proven. */
#ifndef TAILGATE_LAB_WHATIF_WHATIF_SETTING_H
#define TAILGATE_LAB_WHATIF_WHATIF_SETTING_H

#include "lab/analysis/replay.h"
#include "lib/base/result.h"

struct cJSON;
struct conf_table;

enum axis_kind { AXIS_TIME, AXIS_NUMBER, AXIS_SHARE };

struct whatif_axis {
    const char *name; /* "timeout.response": the keys of the upstream, joined by dots */
    const char *object, *key;
    enum axis_kind kind;
    size_t offset;     /* in struct replay_setting: int64_t, or double for a share */
    bool zero_is_none; /* 0 stands for "not at all", and not for the smallest value */
};

extern const struct whatif_axis whatif_axes[];
extern const size_t whatif_axis_count;

/* What an upstream's configuration says, or its defaults in the proxy's table. */
void whatif_setting_read(struct replay_setting *setting, const struct cJSON *upstream,
                         const struct conf_table *proxy_table);

/* How an endpoint is chosen. */
enum replay_balance whatif_balance_read(const struct cJSON *upstream);

/* The quantile that hedges are sent after; 0: after a delay, or none are. */
double whatif_hedge_quantile(const struct cJSON *upstream);

/* One setting of the option --at. */
struct whatif_asked {
    struct replay_setting setting;        /* at first the present one */
    const struct conf_table *proxy_table; /* whose bounds hold */
    char same[256];                       /* the parts that change nothing, or "" */
};

/* Reads "timeout.response=450ms,retry.attempts=3". More than one try means that timeouts are tried
 * again. FAILED_INPUT: nothing is set, a key is unknown or given twice, a value is out of the
 * bounds that the gateway's configuration has. */
enum result whatif_setting_parse(struct whatif_asked *asked, const char *text, size_t length,
                                 struct error *error) MUST_USE;

/* Timeouts are tried again. */
void whatif_retry_timeouts(struct replay_setting *setting);

/* What differs from `present`, as "timeout.response=450ms,retry.attempts=3"; "as it is" when
 * nothing does. Returns `out`. */
const char *whatif_setting_text(char *out, size_t size, const struct replay_setting *setting,
                                const struct replay_setting *present);

/* How far it is from `present`: each halving or doubling counts 1, and what is switched on 2. */
double whatif_setting_change(const struct replay_setting *setting,
                             const struct replay_setting *present);

/* Writes what differs into an upstream's configuration. */
void whatif_setting_write(struct cJSON *upstream, const struct replay_setting *setting,
                          const struct replay_setting *present);

/* An axis's value of a setting, in ns, as a number or as a share. */
double whatif_axis_value(const struct whatif_axis *axis, const struct replay_setting *setting);

#endif
