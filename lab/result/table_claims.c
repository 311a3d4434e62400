/* SPDX-License-Identifier: MIT */
#include "lab/result/table_claims.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "lab/result/json.h"

#define INDENT "         " /* below the text, which stands behind the section */

static void print_measured(FILE *out, const cJSON *claim)
{
    if (!json_text(claim, "shown")[0]) {
        fprintf(out, INDENT "measured  withheld: %s\n", json_text(claim, "reason"));
        return;
    }
    fprintf(out, INDENT "measured  %s", json_text(claim, "shown"));
    if (json_text(claim, "range")[0])
        fprintf(out, ", in all rounds %s", json_text(claim, "range"));
    else if (json_text(claim, "reason")[0])
        fprintf(out, ", %s", json_text(claim, "reason"));
    fprintf(out, "\n" INDENT "holds?    %s%s (it would with %s)\n", json_text(claim, "verdict"),
            json_text(claim, "over"), json_text(claim, "when"));
}

void table_print_claims(FILE *out, const cJSON *summary)
{
    const cJSON *claim, *claims = cJSON_GetObjectItemCaseSensitive(summary, "claims");
    if (cJSON_GetArraySize(claims) > 0)
        fputs("\nclaims\n", out);
    cJSON_ArrayForEach(claim, claims)
    {
        fprintf(out, "  %-5s  %s\n", json_text(claim, "section"), json_text(claim, "text"));
        fprintf(out, INDENT "claimed   %s\n", json_text(claim, "claimed"));
        print_measured(out, claim);
        if (json_text(claim, "note")[0])
            fprintf(out, INDENT "(%s)\n", json_text(claim, "note"));
    }
}
