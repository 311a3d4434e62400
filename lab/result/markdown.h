/* SPDX-License-Identifier: MIT */
/* Text in Markdown that may hold anything: in a cell of a table, a heading or a paragraph. */
#ifndef TAILGATE_LAB_RESULT_MARKDOWN_H
#define TAILGATE_LAB_RESULT_MARKDOWN_H

#include <stdio.h>

/* Prints `from` so that the cell does not end early: bars and tags escaped, line ends as blanks. */
void markdown_print(FILE *out, const char *from);

#endif
