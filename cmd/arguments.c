/* SPDX-License-Identifier: MIT */
#include "cmd/arguments.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conf/conf.h"

enum exit_status arguments_wrong(const struct usage *usage, const char *format, ...)
{
    char text[512];
    va_list list;

    va_start(list, format);
    vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    fprintf(stderr, "tailgate %s: %s; see tailgate %s --help\n", usage->command, text,
            usage->command);
    return EXIT_INPUT;
}

/* ---- help */

static void print_option(char letter, const char *name, const char *placeholder,
                         const char *meaning)
{
    char text[64];

    snprintf(text, sizeof(text), "--%s %s", name, placeholder == NULL ? "" : placeholder);
    printf("  %c%c%c %-18s %s\n", letter == '\0' ? ' ' : '-', letter == '\0' ? ' ' : letter,
           letter == '\0' ? ' ' : ',', text, meaning);
}

static void print_help(const struct usage *usage)
{
    printf("usage: tailgate %s%s %s\n\n%s\n\n", usage->command,
           usage->option_count == 0 ? "" : " [OPTION...]", usage->operands, usage->about);
    for (size_t i = 0; i < usage->option_count; i++) {
        const struct option_row *option = &usage->options[i];
        print_option(option->letter, option->name, option->placeholder, option->meaning);
    }
    print_option('h', "help", NULL, "print this text");
}

/* ---- reading */

static void refuse_option(const struct usage *usage, const char *name)
{
    const char *names[OPTIONS_MAX + 1];

    for (size_t i = 0; i < usage->option_count; i++)
        names[i] = usage->options[i].name;
    names[usage->option_count] = "help";
    const char *nearest = conf_nearest(name, names, usage->option_count + 1);
    if (nearest == NULL)
        arguments_wrong(usage, "there is no option --%s", name);
    else
        arguments_wrong(usage, "there is no option --%s (is --%s meant?)", name, nearest);
}

/* The row of the option in `word` ("--name", "--name=value", "-n", "-nvalue"), or -1 after a
 * message. */
static int find_option(const struct usage *usage, const char *word)
{
    char name[64];

    snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
    for (size_t i = 0; i < usage->option_count; i++) {
        const struct option_row *option = &usage->options[i];
        if (word[1] == '-' ? strcmp(name, option->name) == 0 : word[1] == option->letter)
            return (int)i;
    }
    if (word[1] == '-')
        refuse_option(usage, name);
    else
        arguments_wrong(usage, "there is no option -%c", word[1]);
    return -1;
}

/* The value that stands in the option's own word, or NULL. */
static const char *attached_value(const char *word)
{
    if (word[1] != '-')
        return word[2] == '\0' ? NULL : word + 2;
    const char *equals = strchr(word, '=');
    return equals == NULL ? NULL : equals + 1;
}

/* Reads the option at argv[*at] and moves on over its value; false after a message. */
static bool read_option(struct arguments *arguments, const struct usage *usage, char **argv,
                        int *at)
{
    int row = find_option(usage, argv[*at]);
    if (row < 0)
        return false;

    const struct option_row *option = &usage->options[row];
    const char *value = attached_value(argv[*at]);
    if (option->placeholder == NULL) {
        if (value != NULL)
            arguments_wrong(usage, "--%s takes no value", option->name);
        arguments->values[row] = "";
        return value == NULL;
    }
    if (value == NULL)
        value = argv[++*at];
    if (value == NULL)
        arguments_wrong(usage, "--%s needs a value: --%s %s", option->name, option->name,
                        option->placeholder);
    arguments->values[row] = value;
    return value != NULL;
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* Sorts argv into options and operands (which end up at its start); false: the command is over. */
static bool sort_words(struct arguments *arguments, const struct usage *usage, int argc,
                       char **argv, enum exit_status *status)
{
    bool options_over = false;

    for (int at = 1; at < argc; at++) {
        if (options_over || argv[at][0] != '-' || argv[at][1] == '\0') {
            arguments->operands[arguments->operand_count++] = argv[at];
        } else if (strcmp(argv[at], "--") == 0) {
            options_over = true;
        } else if (is_help(argv[at])) {
            print_help(usage);
            *status = EXIT_DONE;
            return false;
        } else if (!read_option(arguments, usage, argv, &at)) {
            *status = EXIT_INPUT;
            return false;
        }
    }
    return true;
}

bool arguments_read(struct arguments *arguments, const struct usage *usage, int argc, char **argv,
                    enum exit_status *status)
{
    *arguments = (struct arguments){.operands = argv + 1};
    if (!sort_words(arguments, usage, argc, argv, status))
        return false;
    if (arguments->operand_count < usage->operands_min) {
        *status = arguments_wrong(usage, "%s is missing", usage->operands);
        return false;
    }
    if (arguments->operand_count > usage->operands_max) {
        *status = arguments_wrong(usage, "one argument too many: %s",
                                  arguments->operands[usage->operands_max]);
        return false;
    }
    return true;
}

bool arguments_number(const struct usage *usage, const struct arguments *arguments, int row,
                      long min, long max, long *number)
{
    const char *text = arguments->values[row];
    char *end;

    errno = 0;
    long value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || value < min || value > max) {
        arguments_wrong(usage, "--%s takes a whole number from %ld to %ld, not '%s'",
                        usage->options[row].name, min, max, text);
        return false;
    }
    *number = value;
    return true;
}

bool arguments_format(const struct usage *usage, const struct arguments *arguments, int json,
                      int markdown, enum result_format *format)
{
    bool as_json = arguments->values[json] != NULL;
    bool as_markdown = arguments->values[markdown] != NULL;
    *format = as_json ? FORMAT_JSON : as_markdown ? FORMAT_MARKDOWN : FORMAT_TEXT;
    if (as_json && as_markdown)
        arguments_wrong(usage, "--json and --markdown exclude each other");
    return !(as_json && as_markdown);
}

/* ---- what all servers have in common */

bool arguments_read_server(const char *command, const char *operands, const char *about, int argc,
                           char **argv, const char **config, int *control_fd,
                           enum exit_status *status)
{
    static const struct option_row options[] = {
        {"control", "FD", "the descriptor by which a laboratory steers this process", '\0'},
    };
    const struct usage usage = {
        .command = command,
        .operands = operands,
        .about = about,
        .options = options,
        .option_count = ARRAY_LEN(options),
        .operands_min = operands[0] == '[' ? 0 : 1,
        .operands_max = 1,
    };
    struct arguments arguments;
    long fd = -1;

    if (!arguments_read(&arguments, &usage, argc, argv, status))
        return false;
    if (arguments.values[0] != NULL && !arguments_number(&usage, &arguments, 0, 0, INT_MAX, &fd)) {
        *status = EXIT_INPUT;
        return false;
    }
    *config = arguments.operand_count > 0 ? arguments.operands[0] : NULL;
    *control_fd = (int)fd;
    return true;
}
