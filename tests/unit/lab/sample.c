/* SPDX-License-Identifier: MIT */
#include "tests/unit/lab/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/memory.h"

static const char base[] =
    "{\n"
    "  \"name\": \"sample\", \"seed\": 7,\n"
    "  \"backends\": { \"a\": { \"instances\": 2, \"config\": { \"cleanup\": \"x\" } },\n"
    "                \"b\": { \"config\": { \"cleanup\": \"y\" } } },\n"
    "  \"gateway\": { \"upstreams\": { \"u\": { \"endpoints\": [ \"@a\" ] } } },\n"
    "  \"load\": { \"rate\": \"10/s\", \"duration\": \"5s\", \"requests\": [ { \"GET\": \"/\" } ] "
    "},\n"
    "  \"faults\": [],\n"
    "  \"variants\": {},\n"
    "  \"expect\": []\n"
    "}\n";

static char *replaced(char *text, const char *old, const char *new)
{
    char *at = strstr(text, old);
    if (!at)
        fail_msg("the sample has no %s", old);
    struct buf out = {0};
    buf_append(&out, text, (size_t)(at - text));
    buf_append_text(&out, new);
    buf_append(&out, at + strlen(old), strlen(at + strlen(old)) + 1);
    free(text);
    return out.data;
}

char *sample_text(const char *const *parts)
{
    char *text = mem_text(base);
    for (; parts && parts[0]; parts += 2)
        text = replaced(text, parts[0], parts[1]);
    return text;
}
