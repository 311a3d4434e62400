/* SPDX-License-Identifier: MIT */
/* The subcommands: each a function of its own arguments (argv[0] is its name) that returns the exit
 * status of the program, an enum exit_status. */
#ifndef TAILGATE_CMD_COMMANDS_H
#define TAILGATE_CMD_COMMANDS_H

int cmd_backend(int argc, char **argv);
int cmd_chaos(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_proxy(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_whatif(int argc, char **argv);

#endif
