/* SPDX-License-Identifier: MIT */
/* tailgate check: says of each file what it is and whether it is valid, and describes each kind. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "backend/config.h"
#include "chaos/config.h"
#include "cmd/arguments.h"
#include "cmd/commands.h"
#include "lab/lab.h"
#include "lab/plan/experiment.h"
#include "lab/plan/gateway.h"
#include "lib/base/memory.h"
#include "lib/conf/conf.h"
#include "proxy/config/config.h"
#include "proxy/config/endpoints_file.h"
#include "proxy/process/premises.h"
#include "proxy/process/secure.h"

enum kind { KIND_BACKEND, KIND_CHAOS, KIND_EXPERIMENT, KIND_PROXY, KIND_COUNT };

static const struct kind_row {
    const char *name;
    const struct conf_table *table;
} kinds[KIND_COUNT] = {
    [KIND_BACKEND] = {"backend", &backend_conf_table},
    [KIND_CHAOS] = {"chaos", &chaos_conf_table},
    [KIND_EXPERIMENT] = {"experiment", &experiment_conf_table},
    [KIND_PROXY] = {"proxy", &proxy_conf_table},
};

/* As what a file is checked, and how far. */
struct what {
    enum kind kind;
    bool no_files;
};

enum { OPTION_AS, OPTION_SCHEMA, OPTION_MANUAL, OPTION_NO_FILES };
static const struct option_row options[] = {
    [OPTION_AS] = {"as", "KIND", "what the files are: backend, chaos, experiment or proxy", '\0'},
    [OPTION_SCHEMA] = {"schema", "KIND", "print the JSON Schema of that kind of file", '\0'},
    [OPTION_MANUAL] = {"manual", "KIND", "print its keys as mdoc(7), for the manual", '\0'},
    [OPTION_NO_FILES] = {"no-files", NULL,
                         "do not look for the files, folders and users of a proxy", '\0'},
};

static const struct usage usage = {
    .command = "check",
    .operands = "FILE...",
    .about =
        "Validates configurations of the proxy, the backend and links, and experiments; which of\n"
        "them a file is, its keys tell. Certificates and keys of a proxy are opened, and its\n"
        "folders and users looked for, as at its start. Exits with 2 when one is not valid; a\n"
        "warning does not count.",
    .options = options,
    .option_count = ARRAY_LEN(options),
    .operands_max = INT_MAX,
};

static size_t known_keys(const struct conf_table *table, const struct cJSON *root)
{
    size_t known = 0;

    for (size_t i = 0; i < table->key_count; i++)
        known += conf_member(root, table->keys[i].name) != NULL;
    return known;
}

/* The kind that knows most of the file's keys; KIND_COUNT when no kind knows more than the others.
 */
static enum kind guess_kind(const struct cJSON *root)
{
    enum kind best = KIND_COUNT;
    size_t most = 0;

    for (size_t i = 0; i < KIND_COUNT; i++) {
        size_t known = known_keys(kinds[i].table, root);
        if (known == most)
            best = KIND_COUNT;
        if (known > most) {
            most = known;
            best = (enum kind)i;
        }
    }
    return best;
}

/* Another reason why the file is not valid. */
static void refuse(void *arg, const char *message)
{
    bool *valid = arg;

    fprintf(stderr, "%s\n", message);
    *valid = false;
}

static void warn(void *arg, const char *message)
{
    fprintf(stderr, "%s (warning)\n", message);
}

/* The files that a proxy's configuration names, as the proxy would open them. */
static void check_proxy_files(const struct conf_doc *doc, struct proxy_config *config,
                              struct arena *arena, bool *valid)
{
    struct error error;
    struct secure secure;

    if (endpoints_files_read(doc, config, arena, &error) != OK)
        refuse(valid, error.text);
    if (secure_build(&secure, doc, config, &error) != OK) {
        refuse(valid, error.text);
        return;
    }
    secure_release(&secure);
    secure_inspect(doc, config, warn, NULL);
}

/* Goes on after the first reason. */
static bool check_proxy(const struct conf_doc *doc, struct proxy_config *config,
                        struct arena *arena, bool no_files)
{
    unsigned what = PREMISES_FILE | (no_files ? 0 : PREMISES_MACHINE);
    bool valid = true;

    if (premises_check(doc, config, what, refuse, &valid) != OK)
        valid = false;
    if (!no_files)
        check_proxy_files(doc, config, arena, &valid);
    return valid;
}

/* Without a message when the reasons have been said. */
static enum result check_table(const struct conf_doc *doc, const struct what *what,
                               struct error *error)
{
    const struct conf_table *table = kinds[what->kind].table;
    struct arena arena = {0};
    void *object = mem_alloc(1, table->size);
    enum result result = conf_read(doc, conf_doc_root(doc), table, object, &arena, error);

    if (result == OK && what->kind == KIND_PROXY &&
        !check_proxy(doc, object, &arena, what->no_files))
        result = FAILED_INPUT;
    free(object);
    arena_free(&arena);
    return result;
}

static enum result check_experiment(const char *path, struct error *error)
{
    const struct lab_options lab = {
        .experiment = path, .backend_table = &backend_conf_table, .proxy_table = &proxy_conf_table};
    return lab_check(&lab, error);
}

/* Checks the file as the kind asked for, or as the one it looks like, which it leaves in `what`. */
static enum result check_doc(const struct conf_doc *doc, const char *path, struct what *what,
                             struct error *error)
{
    if (what->kind == KIND_COUNT)
        what->kind = guess_kind(conf_doc_root(doc));
    if (what->kind == KIND_COUNT)
        return conf_error_at(doc, conf_doc_root(doc), error,
                             "its keys do not tell what it is: name it by --as");
    if (what->kind == KIND_EXPERIMENT)
        return check_experiment(path, error);
    return check_table(doc, what, error);
}

static enum exit_status check_file(const char *path, struct what what)
{
    struct conf_doc *doc = NULL;
    struct error error = {{0}};

    enum result result = conf_doc_read(&doc, path, &error);
    if (result == OK)
        result = check_doc(doc, path, &what, &error);
    conf_doc_free(&doc);
    if (result == OK)
        printf("%s: valid (%s)\n", path, kinds[what.kind].name);
    else if (error.text[0])
        fprintf(stderr, "%s\n", error.text);
    return result_exit_status(result);
}

/* The kind that an option names; KIND_COUNT after a message. */
static enum kind named_kind(int row, const char *name)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (strcmp(name, kinds[i].name) == 0)
            return (enum kind)i;
    }
    arguments_wrong(&usage, "--%s takes backend, chaos, experiment or proxy, not '%s'",
                    options[row].name, name);
    return KIND_COUNT;
}

/* What is no file of its own has a place in the manual alone. */
static const struct kind_row parts[] = {{"other-gateway", &gateway_conf_table}};

static enum exit_status describe(int row, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(parts) && row == OPTION_MANUAL; i++)
        if (strcmp(parts[i].name, name) == 0) {
            conf_write_manual(stdout, parts[i].table);
            return fflush(stdout) == 0 ? EXIT_DONE : EXIT_SYSTEM;
        }
    enum kind kind = named_kind(row, name);

    if (kind == KIND_COUNT)
        return EXIT_INPUT;
    if (row == OPTION_SCHEMA)
        conf_write_schema(stdout, kinds[kind].table);
    else
        conf_write_manual(stdout, kinds[kind].table);
    return fflush(stdout) == 0 ? EXIT_DONE : EXIT_SYSTEM;
}

static enum exit_status check_files(const struct arguments *arguments, struct what what)
{
    enum exit_status worst = EXIT_DONE;

    for (int i = 0; i < arguments->operand_count; i++) {
        enum exit_status status = check_file(arguments->operands[i], what);
        if (status > worst)
            worst = status;
    }
    return worst;
}

int cmd_check(int argc, char **argv)
{
    struct arguments arguments;
    enum exit_status status;
    struct what what = {.kind = KIND_COUNT};

    if (!arguments_read(&arguments, &usage, argc, argv, &status))
        return status;
    for (int row = OPTION_SCHEMA; row <= OPTION_MANUAL; row++) {
        if (arguments.values[row] != NULL)
            return describe(row, arguments.values[row]);
    }
    if (arguments.operand_count == 0)
        return arguments_wrong(&usage, "%s is missing", usage.operands);
    if (arguments.values[OPTION_AS] != NULL) {
        what.kind = named_kind(OPTION_AS, arguments.values[OPTION_AS]);
        if (what.kind == KIND_COUNT)
            return EXIT_INPUT;
    }
    what.no_files = arguments.values[OPTION_NO_FILES] != NULL;
    return check_files(&arguments, what);
}
