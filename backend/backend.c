/* SPDX-License-Identifier: MIT */
#include "backend/backend.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/service.h"

static enum result read_config(struct service *service, const char *path, struct error *error)
{
    struct conf_doc *doc;
    enum result result = conf_doc_read(&doc, path, error);
    if (result != OK)
        return result;
    result = conf_read(doc, conf_doc_root(doc), &backend_conf_table, &service->config,
                       &service->arena, error);
    conf_doc_free(&doc);
    return result;
}

enum exit_status backend_run(const char *config_path, int control_fd)
{
    struct error error;
    struct service *service = mem_alloc(1, sizeof(*service));
    enum result result = read_config(service, config_path, &error);
    if (result == OK)
        result = service_open(service, control_fd, &error);
    if (result == OK)
        service_run(service);
    else
        fprintf(stderr, "%s\n", error.text);
    enum exit_status status = result == OK ? service->end : result_exit_status(result);
    arena_free(&service->arena);
    free(service);
    return status;
}
