/* SPDX-License-Identifier: MIT */
/* The keys of a gateway that is another program. */
#include <string.h>

#include <cjson/cJSON.h>

#include "lab/plan/gateway.h"

#define LOG_NAME(id, name) name,
static const char *const log_formats[] = {GATEWAY_LOGS(LOG_NAME) NULL};
#undef LOG_NAME

const char *gateway_log_format_name(enum gateway_log_format format)
{
    return log_formats[format];
}

static const struct conf_key value_keys[] = {
    {.name = "text",
     .type = CONF_STRING,
     .offset = offsetof(struct gateway_value, text),
     .flags = CONF_REQUIRED,
     .meaning = "What the placeholder stands for."},
};

static const struct conf_table value_table = {
    .name = "value of a template",
    .meaning = "A placeholder of the experiment's own; a bare string is what it stands for.",
    .size = sizeof(struct gateway_value),
    .name_offset = offsetof(struct gateway_value, name),
    .keys = value_keys,
    .key_count = ARRAY_LEN(value_keys),
    .shorthand = "text",
    .item_offset = CONF_NO_ITEM,
};

static const struct conf_key log_keys[] = {
    {.name = "format",
     .type = CONF_ENUM,
     .offset = offsetof(struct gateway_spec, log.format) - offsetof(struct gateway_spec, log),
     .flags = CONF_REQUIRED,
     .choices = log_formats,
     .meaning = "Whose words its reasons are; none: it has no log of requests."},
    {.name = "file",
     .type = CONF_STRING,
     .offset = offsetof(struct gateway_spec, log.file) - offsetof(struct gateway_spec, log),
     .flags = CONF_NOT_EMPTY,
     .meaning = "The file in {run} that it logs to; without one, what it writes to its standard "
                "output and error is its log."},
};

static const struct conf_table log_table = {
    .name = "log of a gateway",
    .meaning = "The log in which the gateway says how requests ended. The lines that begin with "
               "\"tailgate \" are read: words like status=502 and trace=\"...\" (traceparent).",
    .size = sizeof(((struct gateway_spec *)NULL)->log),
    .keys = log_keys,
    .key_count = ARRAY_LEN(log_keys),
    .item_offset = CONF_NO_ITEM,
};

static const struct conf_key keys[] = {
    {.name = "command",
     .type = CONF_LIST,
     .offset = offsetof(struct gateway_spec, command),
     .flags = CONF_REQUIRED | CONF_NOT_EMPTY,
     .element = CONF_STRING,
     .meaning = "The program and its arguments, run without a shell and in the foreground; they "
                "may hold placeholders. A path with a folder counts from the experiment's."},
    {.name = "template",
     .type = CONF_STRING,
     .offset = offsetof(struct gateway_spec, template),
     .flags = CONF_NOT_EMPTY,
     .meaning =
         "File beside the experiment from which {config} is made: {listen}, {listen.host}, "
         "{listen.port}, {run} (a folder for logs and pids), {user}, the names of \"values\", "
         "{@GROUP/NUMBER}, and {@GROUP}, whose line is there once for each instance; each "
         "of these two also with .host, .port, .name or .number."},
    {.name = "listen",
     .type = CONF_ADDRESS,
     .offset = offsetof(struct gateway_spec, listen),
     .otherwise = "127.0.0.1:0",
     .meaning = "Where it accepts requests; with port 0 it is told a free one."},
    {.name = "values",
     .type = CONF_MAP,
     .offset = offsetof(struct gateway_spec, values),
     .sub = &value_table,
     .meaning = "Placeholders of your own, for what variants change."},
    {.name = "log",
     .type = CONF_OBJECT,
     .offset = offsetof(struct gateway_spec, log),
     .sub = &log_table,
     .meaning = "Where it says how requests ended; without it, only clients and backends tell."},
    {.name = "reuses_connections",
     .type = CONF_BOOL,
     .offset = offsetof(struct gateway_spec, reuses_connections),
     .otherwise = "true",
     .meaning = "Whether a connection to a backend may carry a further request. Where none does, "
                "what ends before a response was no keep-alive race, whatever the log says."},
    {.name = "ready",
     .type = CONF_DURATION,
     .offset = offsetof(struct gateway_spec, ready),
     .otherwise = "20s",
     .min = 1e6,
     .max = 600e9,
     .meaning = "How long it may take until it accepts connections."},
    {.name = "optional",
     .type = CONF_BOOL,
     .offset = offsetof(struct gateway_spec, optional),
     .otherwise = "false",
     .meaning = "Where the program is not installed, its variants are left out, and that is said."},
};

static enum result check_values(struct conf_read *read, void *object, const struct cJSON *item)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    const struct gateway_spec *spec = object;
    const struct gateway_value *values = spec->values.items;
    for (size_t i = 0; i < spec->values.count; i++) {
        const char *name = values[i].name;
        size_t length = strlen(name);
        bool taken = strcmp(name, "listen") == 0 || strcmp(name, "run") == 0 ||
                     strcmp(name, "config") == 0 || strcmp(name, "user") == 0;
        if (taken || length == 0 || length > 40 || strspn(name, allowed) != length ||
            strchr("0123456789-", name[0]))
            return conf_fail(read, conf_member(conf_member(item, "values"), name),
                             "\"%.64s\" cannot name a placeholder (expected a name of letters, "
                             "digits, _ and - other than listen, run, config and user)",
                             name);
    }
    return OK;
}

const struct conf_table gateway_conf_table = {
    .name = "gateway that is a command",
    .meaning = "Another gateway, run as a program with a configuration made from a template.",
    .size = sizeof(struct gateway_spec),
    .keys = keys,
    .key_count = ARRAY_LEN(keys),
    .check = check_values,
    .item_offset = offsetof(struct gateway_spec, item),
};
