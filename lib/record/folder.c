/* SPDX-License-Identifier: MIT */
#include "lib/record/folder.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "lib/record/segment.h"

/* RUN/v0-r0/records */
enum { DEEPEST = 2 };

bool record_is_segment_name(const char *name)
{
    size_t length = strlen(name), suffix = strlen(SEGMENT_SUFFIX);
    return length > suffix && strcmp(name + length - suffix, SEGMENT_SUFFIX) == 0;
}

static bool find(const char *folder, int depth, struct buf *found);

static bool find_below(const char *folder, const char *name, int depth, struct buf *found)
{
    struct buf path = {0};
    buf_printf(&path, "%s/%s", folder, name);
    buf_append(&path, "", 1);
    bool is_there = name[0] != '.' && find(buf_head(&path), depth, found);
    buf_free(&path);
    return is_there;
}

static bool find(const char *folder, int depth, struct buf *found)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort);
    bool is_there = false;
    for (int i = 0; i < count && !is_there; i++)
        is_there = record_is_segment_name(entries[i]->d_name);
    if (is_there)
        buf_append(found, folder, strlen(folder) + 1);
    for (int i = 0; i < count && !is_there && depth < DEEPEST; i++)
        is_there = find_below(folder, entries[i]->d_name, depth + 1, found);
    for (int i = 0; i < count; i++)
        free(entries[i]);
    if (count >= 0)
        free(entries);
    return is_there;
}

bool record_folder_find(const char *folder, struct buf *found)
{
    return find(folder, 0, found);
}
