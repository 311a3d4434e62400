/* SPDX-License-Identifier: MIT */
/* A gateway of an experiment that is another program: its command, the template of its
 * configuration, and the log that it writes about its requests. */
#ifndef TAILGATE_LAB_PLAN_GATEWAY_H
#define TAILGATE_LAB_PLAN_GATEWAY_H

#include "lab/plan/endpoints.h"
#include "lab/plan/variant.h"
#include "lib/base/buf.h"

/* The forms of log lines that are understood: their reasons differ, the lines themselves do not. */
#define GATEWAY_LOGS(X)            X(NONE, "none") X(NGINX, "nginx") X(HAPROXY, "haproxy") X(ENVOY, "envoy")
#define GATEWAY_LOG_ENUM(id, name) GATEWAY_LOG_##id,
enum gateway_log_format { GATEWAY_LOGS(GATEWAY_LOG_ENUM) GATEWAY_LOG_COUNT };
#undef GATEWAY_LOG_ENUM

const char *gateway_log_format_name(enum gateway_log_format format);

struct gateway_value {
    const char *name, *text;
};

struct gateway_spec {
    struct conf_list command; /* const char * */
    const char *template;     /* path as it is written, or NULL */
    const char *listen;       /* an address; port 0: a free one */
    struct conf_list values;  /* struct gateway_value */
    struct {
        int format;       /* enum gateway_log_format */
        const char *file; /* in the gateway's folder; NULL: what it writes to stdout and stderr */
    } log;
    duration ready;
    bool reuses_connections;
    bool optional;
    const struct cJSON *item;
};

/* Whether a gateway as the file has it is another program. */
bool gateway_is_command(const struct cJSON *gateway);

/* The name it goes by: that of the program, without its folder, or "tailgate"; in `out`. */
const char *gateway_name(const struct cJSON *gateway, char *out, size_t size);

/* One that was read, with the text of its template; its strings belong to the variant. */
struct gateway_plan {
    struct gateway_spec spec;
    char *template_path; /* NULL: there is none */
    struct buf template_text;
};

/* Reads the gateway of a variant. What can be wrong with it is found here, also in the template. */
enum result gateway_plan_read(struct gateway_plan **plan, struct variant *variant,
                              const char *experiment_path, struct error *error) MUST_USE;
void gateway_plan_free(struct gateway_plan **plan);

/* What placeholders stand for while it runs. */
struct gateway_place {
    const char *listen; /* the address with its port */
    const char *folder; /* of its own: logs and pids */
    const char *config; /* the file that the template becomes */
    const struct endpoint_book *book;
};

/* The template's text with all of it in place. Appends; nothing without a template. */
enum result gateway_render(const struct gateway_plan *plan, const struct variant *variant,
                           const struct gateway_place *place, struct buf *out,
                           struct error *error) MUST_USE;

/* The words of the command, NULL-ended; free them with gateway_command_free. */
enum result gateway_command(const struct gateway_plan *plan, const struct variant *variant,
                            const struct gateway_place *place, char ***words,
                            struct error *error) MUST_USE;
void gateway_command_free(char **words);

/* Whether a placeholder of the template or the command stands for that instance (-1: for any). */
bool gateway_leads_to(const struct gateway_plan *plan, const char *group, int64_t instance);

/* Where the program is: a path with a folder is beside the experiment, others are looked for in
 * PATH and where services are. NULL: it is not there. Free it. */
char *gateway_find_program(const struct gateway_plan *plan, const char *experiment_path);

/* Why it cannot be run on this machine: "nginx is not installed (...)". In `out`. */
const char *gateway_describe_missing(const struct gateway_plan *plan, char *out, size_t size);

extern const struct conf_table gateway_conf_table;

#endif
