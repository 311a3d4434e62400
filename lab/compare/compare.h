/* SPDX-License-Identifier: MIT */
/* Two runs, or two variants of one, side by side: what differs, by how much at least and at most,
 * and what cannot be told apart. The rules are in compare_figures.h. */
#ifndef TAILGATE_LAB_COMPARE_COMPARE_H
#define TAILGATE_LAB_COMPARE_COMPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "lab/result/format.h"
#include "lib/base/result.h"

struct compare_options {
    const char *a, *b;   /* folders of runs, or runs/NAME; b NULL = variants of a */
    const char *a_label; /* of one variant, or NULL */
    const char *b_label;
    bool unpaired; /* also when the arrivals are not the same */
    bool fail_if_worse;
    uint64_t seed; /* of the draws */
    enum result_format format;
};

/* Prints the comparison. EXIT_EXPECTATION when `fail_if_worse` is set and b is worse than a, or
 * when nothing could be compared. */
enum exit_status lab_compare(const struct compare_options *options);

#endif
