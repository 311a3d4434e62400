/* SPDX-License-Identifier: MIT */
#include "lab/investigate/finding.h"

#include <stdarg.h>
#include <stdio.h>

#include <cjson/cJSON.h>

#include "lab/plan/investigation.h"
#include "lab/result/summary.h"
#include "lib/base/units.h"

#define TEXT 768

static cJSON *formatted(const char *format, va_list args) PRINTF_LIKE(1, 0);
static cJSON *formatted(const char *format, va_list args)
{
    char text[TEXT];
    vsnprintf(text, sizeof(text), format, args);
    return cJSON_CreateString(text);
}

static void say(cJSON *finding, const char *key, cJSON *text)
{
    if (cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(finding, key)))
        cJSON_ReplaceItemInObjectCaseSensitive(finding, key, text);
    else
        cJSON_Delete(text);
}

void finding_withhold(cJSON *finding, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(finding, "withheld", formatted(format, args));
    va_end(args);
}

void finding_answer(cJSON *finding, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(finding, "answer", formatted(format, args));
    va_end(args);
}

void finding_note(cJSON *finding, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(finding, "notes"),
                         formatted(format, args));
    va_end(args);
}

cJSON *finding_data(const cJSON *finding)
{
    return cJSON_GetObjectItemCaseSensitive(finding, "data");
}

static cJSON *part_of_table(const cJSON *finding, const char *part)
{
    return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(finding, "table"),
                                            part);
}

void finding_set_columns(cJSON *finding, const char *const *titles, size_t count)
{
    for (size_t i = 0; i < count; i++)
        cJSON_AddItemToArray(part_of_table(finding, "columns"), cJSON_CreateString(titles[i]));
}

cJSON *finding_add_row(cJSON *finding)
{
    cJSON *row = cJSON_CreateArray();
    cJSON_AddItemToArray(part_of_table(finding, "rows"), row);
    return row;
}

void finding_add_cell(cJSON *row, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    cJSON_AddItemToArray(row, formatted(format, args));
    va_end(args);
}

const char *finding_time(char out[FINDING_TIME], int64_t ns)
{
    return units_format_duration(out, FINDING_TIME, duration_ns(ns));
}

static const cJSON *value_of(const struct investigated *run, size_t variant, size_t axis)
{
    const struct plan *plan = run->summary->plan;
    return investigation_value((enum investigation)plan_experiment(plan, 0)->investigate, axis,
                               plan->variants.items[variant].values);
}

const char *finding_value(const struct investigated *run, size_t variant, size_t axis,
                          const char *otherwise)
{
    const cJSON *value = value_of(run, variant, axis);
    return cJSON_IsString(value) ? value->valuestring : otherwise;
}

int64_t finding_value_ns(const struct investigated *run, size_t variant, size_t axis)
{
    const cJSON *value = value_of(run, variant, axis);
    duration time;
    bool known = cJSON_IsString(value) && units_parse_duration(value->valuestring, &time);
    return known ? time.ns : -1;
}
