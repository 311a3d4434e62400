/* SPDX-License-Identifier: MIT */
#include "lab/investigate/investigate.h"

#include <cjson/cJSON.h>

#include "lab/investigate/finding.h"
#include "lab/plan/investigation.h"
#include "lab/result/summary.h"

static investigator *const investigators[INVESTIGATION_COUNT] = {
    [INVESTIGATION_KEEPALIVE_RACE] = keepalive_race_investigate,
    [INVESTIGATION_PAUSE_MAP] = pause_map_investigate,
    [INVESTIGATION_TIMEOUT_LADDER] = timeout_ladder_investigate,
    [INVESTIGATION_METASTABILITY] = metastability_investigate,
};

static cJSON *new_finding(enum investigation investigation)
{
    cJSON *finding = cJSON_CreateObject();
    cJSON_AddStringToObject(finding, "name", investigation_choices[investigation]);
    cJSON_AddStringToObject(finding, "question", investigation_row(investigation)->question);
    cJSON_AddNullToObject(finding, "answer");
    cJSON_AddNullToObject(finding, "withheld");
    cJSON_AddArrayToObject(finding, "notes");
    cJSON *table = cJSON_AddObjectToObject(finding, "table");
    cJSON_AddArrayToObject(table, "columns");
    cJSON_AddArrayToObject(table, "rows");
    cJSON_AddObjectToObject(finding, "data");
    return finding;
}

/* What makes every answer doubtful. */
static void look_at_run(cJSON *finding, const struct summary *summary)
{
    if (summary->problem)
        finding_withhold(finding, "the run was cut short: not every variant was tried");
    if (summary->records_dropped > 0)
        finding_withhold(finding,
                         "%llu records are missing, and what was in them may say otherwise",
                         (unsigned long long)summary->records_dropped);
}

enum result investigate(cJSON **finding, const struct summary *summary, struct sqlite3 *db,
                        struct error *error)
{
    int asked = plan_experiment(summary->plan, 0)->investigate;
    *finding = NULL;
    if (!investigators[asked])
        return OK;
    const struct investigated run = {summary, db};
    *finding = new_finding((enum investigation)asked);
    look_at_run(*finding, summary);
    enum result result = investigators[asked](*finding, &run, error);
    /* Where there is a reason to say nothing, nothing is said. */
    if (!cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(*finding, "withheld")))
        cJSON_ReplaceItemInObjectCaseSensitive(*finding, "answer", cJSON_CreateNull());
    return result;
}
