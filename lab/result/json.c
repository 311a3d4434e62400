/* SPDX-License-Identifier: MIT */
#include "lab/result/json.h"

#include <cjson/cJSON.h>

const cJSON *json_member(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

double json_number_of(const cJSON *item)
{
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

const char *json_text_of(const cJSON *item)
{
    return cJSON_IsString(item) ? item->valuestring : "";
}

double json_number(const cJSON *object, const char *key)
{
    return json_number_of(json_member(object, key));
}

const char *json_text(const cJSON *object, const char *key)
{
    return json_text_of(json_member(object, key));
}
