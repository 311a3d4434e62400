/* SPDX-License-Identifier: MIT */
#include "lab/result/markdown.h"

void markdown_print(FILE *out, const char *from)
{
    for (; *from; from++) {
        if (*from == '|' || *from == '<')
            fputc('\\', out);
        fputc(*from == '\n' ? ' ' : *from, out);
    }
}
