/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "lib/conf/keys.h"
#include "lib/conf/type.h"
#include "lib/conf/visited.h"

static void write_items(FILE *out, const struct conf_table *table, struct conf_visited *visited);

/* Text as roff takes it literally, also at the start of a line and between double quotes. */
static void write_text(FILE *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", out);
    for (; *text; text++) {
        switch (*text) {
        case '\\':
            fputs("\\e", out);
            break;
        case '"':
            fputs("\\(dq", out);
            break;
        case '\n':
            fputc(' ', out);
            break;
        default:
            fputc(*text, out);
        }
    }
}

static void write_line(FILE *out, const char *text)
{
    write_text(out, text);
    fputc('\n', out);
}

static void write_choices(FILE *out, const struct conf_key *key)
{
    fputs(key->type == CONF_FLAGS ? "a list of " : "one of ", out);
    for (size_t i = 0; key->choices[i]; i++) {
        fputs(i ? ", " : "", out);
        write_text(out, key->choices[i]);
    }
}

static void write_type(FILE *out, const struct conf_key *key)
{
    char bounds[CONF_EXPECTED];
    const struct conf_type_facts *type = conf_type_facts(key->type);
    if (key->type == CONF_ENUM || key->type == CONF_FLAGS) {
        write_choices(out, key);
        return;
    }
    write_text(out, type->noun);
    if (key->type == CONF_LIST) {
        fputs(", each entry ", out);
        write_text(out, key->sub ? "an object" : conf_type_facts(key->element)->noun);
    } else if (conf_has_bounds(key)) {
        fputs(", ", out);
        write_text(out, conf_bounds(bounds, key));
    }
}

/* .It Cm name Pq "a duration, 1ms to 10s; default 1s" */
static void write_head(FILE *out, const struct conf_key *key)
{
    fputs(".It Cm \\&", out);
    write_text(out, key->name);
    fputs(" Pq \"", out);
    write_type(out, key);
    if (key->flags & CONF_REQUIRED)
        fputs("; required", out);
    if (key->otherwise) {
        fputs("; default ", out);
        write_text(out, key->otherwise);
    }
    if (key->flags & CONF_AT_START)
        fputs("; read at the start alone", out);
    fputs("\"\n", out);
}

/* `said` is what the key has said already. */
static void write_sub(FILE *out, const struct conf_table *table, const char *said,
                      struct conf_visited *visited)
{
    bool new = conf_visit(visited, table);
    if (table->meaning && new && !(said && strcmp(said, table->meaning) == 0))
        write_line(out, table->meaning);
    if (table->shorthand) {
        fputs("A bare string stands for its\n.Cm \\&", out);
        write_text(out, table->shorthand);
        fputs(" .\n", out);
    }
    if (!new) {
        fputs("Keys as for\n.Em \\&", out);
        write_text(out, table->name);
        fputs(" ,\ndescribed above.\n", out);
        return;
    }
    fputs(table->one_key ? "Exactly one of the keys of\n.Em \\&" : "Keys of\n.Em \\&", out);
    write_text(out, table->name);
    fputs(" :\n.Bl -tag -width Ds\n", out);
    write_items(out, table, visited);
    fputs(".El\n", out);
}

static void write_items(FILE *out, const struct conf_table *table, struct conf_visited *visited)
{
    struct conf_keys keys = {.table = table};
    size_t shift;
    for (const struct conf_key *key; (key = conf_keys_next(&keys, &shift));) {
        write_head(out, key);
        if (key->meaning)
            write_line(out, key->meaning);
        if (key->sub)
            write_sub(out, key->sub, key->meaning, visited);
    }
}

void conf_write_manual(FILE *out, const struct conf_table *table)
{
    struct conf_visited visited = {0};
    conf_visit(&visited, table);
    write_items(out, table, &visited);
    conf_visited_free(&visited);
}
