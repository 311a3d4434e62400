/* SPDX-License-Identifier: MIT */
/* What placeholders stand for in a gateway's template and command, and both of them written out. */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "lab/plan/gateway.h"
#include "lab/plan/template.h"
#include "lib/base/memory.h"

/* The words and groups that placeholders stand for; the lists are the caller's to free. */
struct vocabulary {
    struct template_word *words;
    struct template_group *groups;
    struct template_words all;
    char host[ADDRESS_TEXT];
    char user[64];
};

static void name_user(char *out, size_t size)
{
    const struct passwd *entry = getpwuid(geteuid());
    if (entry)
        snprintf(out, size, "%s", entry->pw_name);
    else
        snprintf(out, size, "%lld", (long long)geteuid());
}

/* The instances of a group stand one behind the other in the book. */
static struct template_group group_of(const struct backend_spec *backend,
                                      const struct endpoint_book *book)
{
    char first[ENDPOINT_PROCESS];
    endpoint_process_name(first, sizeof(first), backend->name, 0);
    for (size_t i = 0; i < book->count; i++)
        if (strcmp(book->items[i].process, first) == 0)
            return (struct template_group){backend->name, &book->items[i],
                                           (size_t)backend->instances};
    return (struct template_group){backend->name, NULL, 0};
}

static void vocabulary_make(struct vocabulary *vocabulary, const struct gateway_plan *plan,
                            const struct variant *variant, const struct gateway_place *place)
{
    const struct gateway_value *values = plan->spec.values.items;
    const struct backend_spec *backends = variant->experiment.backends.items;
    size_t value_count = plan->spec.values.count, group_count = variant->experiment.backends.count;
    const char *colon = strrchr(place->listen, ':');
    snprintf(vocabulary->host, sizeof(vocabulary->host), "%.*s", (int)(colon - place->listen),
             place->listen);
    name_user(vocabulary->user, sizeof(vocabulary->user));
    const struct template_word own[] = {
        {"listen", place->listen}, {"listen.host", vocabulary->host}, {"listen.port", colon + 1},
        {"run", place->folder},    {"config", place->config},         {"user", vocabulary->user},
    };
    vocabulary->words = mem_alloc(ARRAY_LEN(own) + value_count, sizeof(*vocabulary->words));
    memcpy(vocabulary->words, own, sizeof(own));
    for (size_t i = 0; i < value_count; i++)
        vocabulary->words[ARRAY_LEN(own) + i] =
            (struct template_word){values[i].name, values[i].text};
    vocabulary->groups = mem_alloc(group_count, sizeof(*vocabulary->groups));
    for (size_t i = 0; i < group_count; i++)
        vocabulary->groups[i] = group_of(&backends[i], place->book);
    vocabulary->all = (struct template_words){vocabulary->words, ARRAY_LEN(own) + value_count,
                                              vocabulary->groups, group_count};
}

static void vocabulary_free(struct vocabulary *vocabulary)
{
    free(vocabulary->words);
    free(vocabulary->groups);
}

enum result gateway_render(const struct gateway_plan *plan, const struct variant *variant,
                           const struct gateway_place *place, struct buf *out, struct error *error)
{
    if (!plan->template_path)
        return OK;
    struct vocabulary vocabulary;
    vocabulary_make(&vocabulary, plan, variant, place);
    const struct template_source source = {.name = plan->template_path,
                                           .text = buf_head(&plan->template_text),
                                           .length = buf_len(&plan->template_text)};
    enum result result = template_render(out, &source, &vocabulary.all, error);
    vocabulary_free(&vocabulary);
    return result;
}

/* One word; what is wrong with it stands where the word stands in the experiment. */
static enum result render_word(const struct template_words *words, const char *text,
                               const struct variant *variant, const cJSON *item, struct buf *out,
                               struct error *error)
{
    static const char name[] = "command";
    struct error why;
    const struct template_source source = {
        .name = name, .text = text, .length = strlen(text), .one_line = true};
    if (template_render(out, &source, words, &why) == OK)
        return OK;
    const char *what = strstr(why.text, ": ");
    return conf_error_at(variant->doc, item, error, "%s", what ? what + 2 : why.text);
}

enum result gateway_command(const struct gateway_plan *plan, const struct variant *variant,
                            const struct gateway_place *place, char ***out, struct error *error)
{
    const char *const *command = plan->spec.command.items;
    const cJSON *list = conf_member(plan->spec.item, "command");
    struct vocabulary vocabulary;
    vocabulary_make(&vocabulary, plan, variant, place);
    char **words = *out = mem_alloc(plan->spec.command.count + 1, sizeof(*words));
    enum result result = OK;
    for (size_t i = 0; i < plan->spec.command.count && result == OK; i++) {
        struct buf word = {0};
        result = render_word(&vocabulary.all, command[i], variant, cJSON_GetArrayItem(list, (int)i),
                             &word, error);
        buf_append(&word, "", 1);
        words[i] = mem_text(buf_head(&word));
        buf_free(&word);
    }
    vocabulary_free(&vocabulary);
    return result;
}

void gateway_command_free(char **words)
{
    for (size_t i = 0; words && words[i]; i++)
        free(words[i]);
    free(words);
}

bool gateway_leads_to(const struct gateway_plan *plan, const char *group, int64_t instance)
{
    const char *const *command = plan->spec.command.items;
    const struct template_source template = {.text = buf_head(&plan->template_text),
                                             .length = buf_len(&plan->template_text)};
    bool leads = plan->template_path && template_leads_to(&template, group, instance);
    for (size_t i = 0; i < plan->spec.command.count && !leads; i++) {
        const struct template_source word = {.text = command[i], .length = strlen(command[i])};
        leads = template_leads_to(&word, group, instance);
    }
    return leads;
}
