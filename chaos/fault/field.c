/* SPDX-License-Identifier: MIT */
#include "chaos/fault/field.h"

#include <string.h>
#include <strings.h>

#include "lib/http/head.h"

const char *fault_field_problem(const char *name)
{
    const char *at = name;
    while (http_is_token_byte(*at))
        at++;
    if (at == name || *at)
        return "is no name of a header field";
    bool frames =
        strcasecmp(name, "content-length") == 0 || strcasecmp(name, "transfer-encoding") == 0;
    return frames ? "says how long the message is and cannot be edited (see wrong_length and "
                    "malformed_chunk)"
                  : NULL;
}

static enum result check_field(struct conf_read *read, void *object, const struct cJSON *item)
{
    const struct fault_field *field = object;
    const char *problem = fault_field_problem(field->name);
    if (problem)
        return conf_fail(read, item, "\"%.64s\" %s", field->name, problem);
    if (strpbrk(field->value, "\r\n"))
        return conf_fail(read, item, "the value of \"%.64s\" holds the end of a line", field->name);
    return OK;
}

static const struct conf_key field_keys[] = {
    {.name = "value",
     .type = CONF_STRING,
     .offset = offsetof(struct fault_field, value),
     .flags = CONF_REQUIRED,
     .meaning = "The field's value."},
};

const struct conf_table fault_field_table = {
    .name = "fault_field",
    .meaning = "A header field; a bare string is its value.",
    .size = sizeof(struct fault_field),
    .name_offset = offsetof(struct fault_field, name),
    .keys = field_keys,
    .key_count = ARRAY_LEN(field_keys),
    .shorthand = "value",
    .check = check_field,
    .item_offset = CONF_NO_ITEM,
};
