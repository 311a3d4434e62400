/* SPDX-License-Identifier: MIT */
#include "proxy/config/endpoints_file.h"

#include <string.h>
#include <sys/stat.h>

struct endpoints_file {
    struct conf_list endpoints;
};

static const struct conf_key keys[] = {
    {.name = "endpoints",
     .type = CONF_LIST,
     .offset = offsetof(struct endpoints_file, endpoints),
     .flags = CONF_REQUIRED | CONF_NOT_EMPTY,
     .sub = &endpoint_conf_table,
     .meaning = "The servers that answer."},
};
static enum result check_file(struct conf_read *read, void *object, const struct cJSON *item)
{
    const struct endpoints_file *file = object;
    return endpoints_check(read, &file->endpoints, conf_member(item, "endpoints"));
}

static const struct conf_table table = {
    .name = "endpoints file",
    .meaning = "Endpoints of an upstream.",
    .size = sizeof(struct endpoints_file),
    .keys = keys,
    .key_count = ARRAY_LEN(keys),
    .check = check_file,
    .item_offset = CONF_NO_ITEM,
};

static struct upstream_config *upstream_at(const struct proxy_config *config, size_t number)
{
    return (struct upstream_config *)config->upstreams.items + number;
}

/* A file that is not there has a mark as well. */
static struct file_mark mark_of(const char *path)
{
    struct stat is;
    if (stat(path, &is) != 0)
        return (struct file_mark){0};
    return (struct file_mark){.device = is.st_dev,
                              .inode = is.st_ino,
                              .size = (uint64_t)is.st_size,
                              .changed = is.st_mtim.tv_sec * NS_PER_S + is.st_mtim.tv_nsec};
}

static bool marks_equal(const struct file_mark *a, const struct file_mark *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed == b->changed;
}

static enum result read_file(struct upstream_config *upstream, struct arena *arena,
                             struct error *error)
{
    struct conf_doc *doc = NULL;
    struct endpoints_file file;
    /* Before it is read: what comes in between is seen at the next look. */
    upstream->file_mark = mark_of(upstream->endpoints_file);
    enum result result = conf_doc_read(&doc, upstream->endpoints_file, error);
    if (result == OK)
        result = conf_read(doc, conf_doc_root(doc), &table, &file, arena, error);
    if (result == OK)
        upstream->endpoints = file.endpoints;
    conf_doc_free(&doc);
    return result;
}

enum result endpoints_files_read(const struct conf_doc *doc, struct proxy_config *config,
                                 struct arena *arena, struct error *error)
{
    for (size_t i = 0; i < config->upstreams.count; i++) {
        struct upstream_config *upstream = upstream_at(config, i);
        if (!upstream->endpoints_file || read_file(upstream, arena, error) == OK)
            continue;
        struct error cause = *error;
        return conf_error_at(doc, conf_member(upstream->item, "endpoints_file"), error, "%s",
                             cause.text);
    }
    return OK;
}

const struct upstream_config *endpoints_files_changed(const struct proxy_config *config)
{
    for (size_t i = 0; i < config->upstreams.count; i++) {
        const struct upstream_config *upstream = upstream_at(config, i);
        if (!upstream->endpoints_file)
            continue;
        struct file_mark now = mark_of(upstream->endpoints_file);
        if (!marks_equal(&now, &upstream->file_mark))
            return upstream;
    }
    return NULL;
}

void endpoints_files_mark(struct proxy_config *config)
{
    for (size_t i = 0; i < config->upstreams.count; i++) {
        struct upstream_config *upstream = upstream_at(config, i);
        if (upstream->endpoints_file)
            upstream->file_mark = mark_of(upstream->endpoints_file);
    }
}

bool endpoints_files_used(const struct proxy_config *config)
{
    for (size_t i = 0; i < config->upstreams.count; i++)
        if (upstream_at(config, i)->endpoints_file)
            return true;
    return false;
}
