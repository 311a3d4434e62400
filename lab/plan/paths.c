/* SPDX-License-Identifier: MIT */
#include "lab/plan/paths.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "lib/base/buf.h"
#include "lib/base/memory.h"

static char *joined(const char *folder, size_t length, const char *path)
{
    struct buf whole = {0};
    buf_printf(&whole, "%.*s/%s", (int)length, folder, path);
    buf_append(&whole, "", 1);
    char *kept = mem_text(buf_head(&whole));
    buf_free(&whole);
    return kept;
}

char *path_beside(const char *experiment_path, const char *path)
{
    const char *slash = strrchr(experiment_path, '/');
    if (path[0] == '/' || !slash)
        return mem_text(path);
    return joined(experiment_path, (size_t)(slash - experiment_path), path);
}

/* The item itself when it is a path, or its first word when it is a command whose program is named
 * by one. */
static cJSON *path_in(cJSON *item)
{
    static const char *const keys[] = {"replay", "template"};
    if (!item->string)
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(keys) && cJSON_IsString(item); i++)
        if (strcmp(item->string, keys[i]) == 0)
            return item;
    cJSON *program = strcmp(item->string, "command") == 0 ? cJSON_GetArrayItem(item, 0) : NULL;
    return cJSON_IsString(program) && strchr(program->valuestring, '/') ? program : NULL;
}

static void make_absolute(cJSON *parent, const char *folder)
{
    for (cJSON *child = parent->child; child; child = child->next)
        make_absolute(child, folder);
    cJSON *item = path_in(parent);
    if (!item || item->valuestring[0] == '/')
        return;
    char *path = joined(folder, strlen(folder), item->valuestring);
    cJSON_SetValuestring(item, path);
    free(path);
}

void paths_make_absolute(cJSON *item, const char *experiment_path)
{
    char *beside = path_beside(experiment_path, ".");
    char *folder = realpath(beside, NULL);
    make_absolute(item, folder ? folder : beside);
    free(folder);
    free(beside);
}
