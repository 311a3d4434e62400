/* SPDX-License-Identifier: MIT */
/* The report page: one self-contained HTML file that shows a run. */
#ifndef TAILGATE_LAB_REPORT_REPORT_PAGE_H
#define TAILGATE_LAB_REPORT_REPORT_PAGE_H

#include <stddef.h>

#include "lib/base/result.h"

/* Writes the page with the run's data (`length` bytes of JSON, in the form that
 * dashboards/web/src/data.js reads) to `path`. The file appears whole or not at all: what stood
 * there before stays when this fails. The JSON goes in with every '<' escaped, so that no text
 * within it can end the element that holds it. */
enum result report_page_write(const char *path, const char *json, size_t length,
                              struct error *error) MUST_USE;

#endif
