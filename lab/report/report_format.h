/* SPDX-License-Identifier: MIT */
/* The result of a run in the forms that other programs show: JUnit XML for CI servers (a test case
 * for each expectation and variant; the schema is the one Jenkins and GitLab read), and Markdown
 * for a pull request. Both are made of summary.json's tree. */
#ifndef TAILGATE_LAB_REPORT_REPORT_FORMAT_H
#define TAILGATE_LAB_REPORT_REPORT_FORMAT_H

#include <stdio.h>

struct cJSON;

void report_print_junit(FILE *out, const struct cJSON *summary);
void report_print_markdown(FILE *out, const struct cJSON *summary);

#endif
