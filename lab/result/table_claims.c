/* SPDX-License-Identifier: MIT */
#include "lab/result/table_claims.h"

#include <string.h>

#include <cjson/cJSON.h>

#define INDENT "         " /* below the text, which stands behind the section */

static const char *text(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(item) ? item->valuestring : "";
}

static void print_measured(FILE *out, const cJSON *claim)
{
    if (!text(claim, "shown")[0]) {
        fprintf(out, INDENT "measured  withheld: %s\n", text(claim, "reason"));
        return;
    }
    fprintf(out, INDENT "measured  %s", text(claim, "shown"));
    if (text(claim, "range")[0])
        fprintf(out, ", in all rounds %s", text(claim, "range"));
    else if (text(claim, "reason")[0])
        fprintf(out, ", %s", text(claim, "reason"));
    fprintf(out, "\n" INDENT "holds?    %s (it would with %s)\n", text(claim, "verdict"),
            text(claim, "when"));
}

void table_print_claims(FILE *out, const cJSON *summary)
{
    const cJSON *claim, *claims = cJSON_GetObjectItemCaseSensitive(summary, "claims");
    if (cJSON_GetArraySize(claims) > 0)
        fputs("\nclaims\n", out);
    cJSON_ArrayForEach(claim, claims)
    {
        fprintf(out, "  %-5s  %s\n", text(claim, "section"), text(claim, "text"));
        fprintf(out, INDENT "claimed   %s\n", text(claim, "claimed"));
        print_measured(out, claim);
        if (text(claim, "note")[0])
            fprintf(out, INDENT "(%s)\n", text(claim, "note"));
    }
}
