/* SPDX-License-Identifier: MIT */
#include "lib/base/log_pace.h"

#include <stdio.h>

const char *log_pace_more(char out[LOG_PACE_MORE], uint64_t left_out)
{
    out[0] = '\0';
    if (left_out > 0)
        snprintf(out, LOG_PACE_MORE, " (%llu more were left out)", (unsigned long long)left_out);
    return out;
}
