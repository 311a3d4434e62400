/* SPDX-License-Identifier: MIT */
#include "lab/result/summary_faults.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <sqlite3.h>

#include "chaos/fault/fault.h"
#include "lab/plan/variant.h"
#include "lab/read/column.h"
#include "lab/read/query.h"
#include "lib/base/utf8.h"

static const char query[] =
    "SELECT f.name, f.kind, ifnull(e.process, f.target), f.process, count(f.started_ns),"
    " count(*) - count(f.started_ns), min(f.started_ns - r.epoch_ns), max(f.ended_ns - r.epoch_ns),"
    " max(f.started_ns - r.epoch_ns - f.planned_at_ns),"
    " sum(f.started_ns IS NOT NULL AND f.ended_ns IS NULL)"
    " FROM fault f JOIN round r ON r.variant = f.variant AND r.round = f.round"
    /* The gateway knows backends by their addresses, which differ from round to round. */
    " LEFT JOIN endpoint e ON e.variant = f.variant AND e.round = f.round AND e.address = f.target"
    " WHERE f.variant = ?1 GROUP BY 1, 2, 3, 4 ORDER BY 1, 3, 4";

/* What a row of such a fault stands for. */
static const char *unit_of(const struct fault_config *config, enum fault_kind kind)
{
    switch (fault_row(kind)->class) {
    case FAULT_CLASS_PROCESSES:
        return "times";
    case FAULT_CLASS_MESSAGES:
        return "requests";
    default:
        return config && config->per == FAULT_PER_REQUEST ? "requests" : "connections";
    }
}

static const struct fault_spec *spec_named(const struct variant *variant, const char *name)
{
    const struct fault_spec *faults = variant->experiment.faults.items;
    for (size_t i = 0; i < variant->experiment.faults.count; i++)
        if (strcmp(faults[i].config.name, name) == 0)
            return &faults[i];
    return NULL;
}

/* Names go to terminals. */
static void add_name(cJSON *fault, const char *name)
{
    struct buf visible = {0};
    utf8_append_visible(&visible, name);
    buf_append(&visible, "", 1);
    cJSON_AddStringToObject(fault, "name", buf_head(&visible));
    buf_free(&visible);
}

static cJSON *add_fault(cJSON *list, const struct variant *variant, const char *name,
                        const char *kind)
{
    const struct fault_spec *spec = spec_named(variant, name);
    enum fault_kind known = fault_named(kind);
    cJSON *fault = cJSON_CreateObject();
    cJSON_AddItemToArray(list, fault);
    add_name(fault, name);
    cJSON_AddStringToObject(fault, "kind", kind);
    cJSON_AddStringToObject(fault, "unit",
                            known == FAULT_COUNT ? "times"
                                                 : unit_of(spec ? &spec->config : NULL, known));
    return fault;
}

struct reading {
    cJSON *list;
    const struct variant *variant;
    bool *seen; /* for each fault of the experiment */
};

static void note_seen(struct reading *reading, const char *name)
{
    const struct fault_spec *spec = spec_named(reading->variant, name);
    if (spec)
        reading->seen[spec - (const struct fault_spec *)reading->variant->experiment.faults.items] =
            true;
}

static void add_time(cJSON *fault, const char *key, sqlite3_stmt *row, int column, double unit)
{
    if (sqlite3_column_type(row, column) != SQLITE_NULL)
        cJSON_AddNumberToObject(fault, key, (double)sqlite3_column_int64(row, column) / unit);
}

static void take_fault(void *context, sqlite3_stmt *row)
{
    struct reading *reading = context;
    note_seen(reading, column_text_or_empty(row, 0));
    cJSON *fault = add_fault(reading->list, reading->variant, column_text_or_empty(row, 0),
                             column_text_or_empty(row, 1));
    cJSON_AddStringToObject(fault, "target", column_text_or_empty(row, 2));
    cJSON_AddStringToObject(fault, "by", column_text_or_empty(row, 3));
    cJSON_AddNumberToObject(fault, "touched", (double)sqlite3_column_int64(row, 4));
    cJSON_AddNumberToObject(fault, "missed", (double)sqlite3_column_int64(row, 5));
    cJSON_AddNumberToObject(fault, "unended", (double)sqlite3_column_int64(row, 9));
    add_time(fault, "first_s", row, 6, 1e9);
    add_time(fault, "last_s", row, 7, 1e9);
    if (strcmp(cJSON_GetObjectItemCaseSensitive(fault, "unit")->valuestring, "times") == 0)
        add_time(fault, "late_ms", row, 8, 1e6);
}

static void add_untouching(const struct reading *reading)
{
    const struct conf_list *list = &reading->variant->experiment.faults;
    const struct fault_spec *faults = list->items;
    for (size_t i = 0; i < list->count; i++) {
        const struct fault_config *config = &faults[i].config;
        if (!faults[i].enabled || reading->seen[i])
            continue;
        cJSON *fault = add_fault(reading->list, reading->variant, config->name,
                                 fault_kind_names[config->kind]);
        cJSON_AddStringToObject(fault, "target", faults[i].on);
        cJSON_AddNumberToObject(fault, "touched", 0);
        cJSON_AddNumberToObject(fault, "missed", 0);
        cJSON_AddNumberToObject(fault, "unended", 0);
    }
}

enum result summary_faults_read(cJSON **faults, const struct variant *variant, size_t number,
                                sqlite3 *db, struct error *error)
{
    *faults = cJSON_CreateArray();
    size_t count = variant->experiment.faults.count;
    struct reading reading = {*faults, variant, mem_alloc(count + 1, sizeof(bool))};
    const int64_t parameter = (int64_t)number;
    enum result result = query_each(db, query, &parameter, 1, take_fault, &reading, error);
    add_untouching(&reading);
    free(reading.seen);
    return result;
}
