/* SPDX-License-Identifier: MIT */
/* Text with placeholders: another gateway's configuration, and the words of its command.
 *
 *     {listen.port}       a word that the caller knows
 *     {@orders}           the address of an instance: the line is there once for each of them
 *     {@orders.host}, {@orders.port}, {@orders.name}, {@orders.number}
 *     {@orders/0}, {@orders/0.port}        of one instance
 *     {{                  a brace
 *
 * What stands between braces and does not begin like a name stays as it is, and so does what stands
 * behind a "$": the braces of nginx, of HAProxy's formats and of YAML need no escape. Pure. */
#ifndef TAILGATE_LAB_PLAN_TEMPLATE_H
#define TAILGATE_LAB_PLAN_TEMPLATE_H

#include "lab/plan/endpoints.h"
#include "lib/base/buf.h"

struct template_word {
    const char *name; /* "listen.port" */
    const char *text;
};

struct template_group {
    const char *name; /* "orders" */
    const struct endpoint_address *instances;
    size_t count;
};

struct template_words {
    const struct template_word *words;
    size_t word_count;
    const struct template_group *groups;
    size_t group_count;
};

struct template_source {
    const char *name; /* in messages */
    const char *text; /* NUL-ended */
    size_t length;
    bool one_line; /* nothing may be there more than once: the word of a command */
};

/* Appends the text with its placeholders replaced. A placeholder that stands for nothing is
 * FAILED_INPUT, with its line and column. */
enum result template_render(struct buf *out, const struct template_source *source,
                            const struct template_words *words, struct error *error) MUST_USE;

/* Whether a placeholder of the text is that word. */
bool template_has_word(const struct template_source *source, const char *name);

/* Whether a placeholder of the text leads to that instance of a group (-1: to any). */
bool template_leads_to(const struct template_source *source, const char *group, int64_t instance);

#endif
