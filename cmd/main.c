/* SPDX-License-Identifier: MIT */
/* The program: a table of subcommands. */
#include <stdio.h>
#include <string.h>

#include "cmd/commands.h"
#include "lib/base/result.h"
#include "lib/conf/conf.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *operands;
    const char *summary;
};

static const struct command commands[] = {
    {"run", cmd_run, "EXPERIMENT", "backends, gateway, faults and load: a run and its verdict"},
    {"compare", cmd_compare, "RUN [RUN]", "what differs between two runs, and what cannot be told"},
    {"whatif", cmd_whatif, "RUN", "failures and tail as they would be at other settings"},
    {"report", cmd_report, "RUN", "print a run's result again"},
    {"proxy", cmd_proxy, "CONFIG", "the gateway"},
    {"backend", cmd_backend, "CONFIG", "a simulated service"},
    {"chaos", cmd_chaos, "[CONFIG]", "links with faults, driven by Toxiproxy's HTTP API"},
    {"export", cmd_export, "RECORDS", "a proxy's records as SQLite, JSON lines or CSV"},
    {"check", cmd_check, "FILE...", "validate any of these files"},
};

static void print_help(FILE *out)
{
    fputs("usage: tailgate COMMAND ...\n\n"
          "A reverse proxy and a laboratory around it: which stall became which 502 or 504.\n\n",
          out);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(out, "  %-8s %-11s %s\n", commands[i].name, commands[i].operands,
                commands[i].summary);
    fputs("\ntailgate COMMAND --help says more; tailgate --version names the version.\n"
          "Exit status: 0 done; 1 an expectation fell short; 2 bad usage or configuration;\n"
          "3 it could not run.\n",
          out);
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(name, commands[i].name) == 0)
            return &commands[i];
    }
    return NULL;
}

static enum exit_status refuse(const char *name)
{
    const char *names[ARRAY_LEN(commands)];

    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        names[i] = commands[i].name;
    const char *nearest = conf_nearest(name, names, ARRAY_LEN(names));
    if (nearest == NULL)
        fprintf(stderr, "tailgate: there is no command '%s'; see tailgate --help\n", name);
    else
        fprintf(stderr, "tailgate: there is no command '%s'; is '%s' meant?\n", name, nearest);
    return EXIT_INPUT;
}

/* What could not be printed is an error like any other: a full disk, a closed descriptor. */
static int finish(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    fputs("tailgate: cannot write to standard output\n", stderr);
    return status == EXIT_DONE ? EXIT_SYSTEM : status;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return EXIT_INPUT;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help(stdout);
        return finish(EXIT_DONE);
    }
    if (strcmp(name, "--version") == 0) {
        printf("tailgate %s\n", PACKAGE_VERSION);
        return finish(EXIT_DONE);
    }
    const struct command *command = find_command(name);
    return command == NULL ? (int)refuse(name) : finish(command->run(argc - 1, argv + 1));
}
