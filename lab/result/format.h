/* SPDX-License-Identifier: MIT */
#ifndef TAILGATE_LAB_RESULT_FORMAT_H
#define TAILGATE_LAB_RESULT_FORMAT_H

/* How an analysis prints what it found. */
enum result_format { FORMAT_TEXT, FORMAT_JSON, FORMAT_MARKDOWN };

#endif
