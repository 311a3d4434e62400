/* SPDX-License-Identifier: MIT */
/* The processes of a run, and the one place where the lab waits: for them to become ready, to end,
 * for a signal from the user, or for time to pass.
 *
 * No process outlives the lab: each is in a process group of its own (so that Ctrl-C reaches the
 * lab alone, which then stops them in order), dies by PR_SET_PDEATHSIG when the lab is killed, and
 * sees the end of its control descriptor as a second belt. */
#ifndef TAILGATE_LAB_RUN_PROCESS_H
#define TAILGATE_LAB_RUN_PROCESS_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/list.h"
#include "lib/base/result.h"

struct process {
    struct list node; /* in the supervisor's list while it runs */
    char name[96];    /* "orders-0" */
    char *log_path;   /* its stdout and stderr */
    pid_t pid;
    int control;      /* our end; -1 = closed */
    struct buf input; /* what it wrote to it, up to the end of a line */
    char *addresses;  /* "127.0.0.1:4711 ...", once it is ready */
    bool ended;
    int status;            /* of waitpid, once it has ended */
    bool frozen;           /* stopped by process_freeze */
    bool had_to_be_killed; /* SIGTERM was not enough; said of other programs alone */
    bool dead_on_purpose;  /* its end, now or soon, is part of the experiment */
    double cpu_before;     /* seconds that those used which it took the place of */
    const char *command;
    char *config; /* what it was started with, to start it again */
    char *listen; /* of another program: where it is to accept connections */
    char **words; /* of a program that is not this one, NULL-ended; it has no control channel */
    int (*function)(void *arg, int control_fd);
    void *arg;
};

struct supervisor {
    struct list running;
    int signals; /* signalfd */
    sigset_t mask_before;
    int interrupted; /* the signal that asks the run to stop; 0 = none */
    bool impatient;  /* it came twice */
};

/* Blocks the signals that the supervisor waits for, until supervisor_close, which kills whatever
 * still runs. */
enum result supervisor_open(struct supervisor *supervisor, struct error *error) MUST_USE;
void supervisor_close(struct supervisor *supervisor);

/* What a process runs: this program with arguments, a function in a copy of the lab, or another
 * program. That one is not told when to end by a control channel, so it gets SIGTERM when the lab
 * dies, and what it leaves behind in its process group is killed when it has ended. */
struct process_spec {
    const char *name;
    const char *log_path;
    const char *command; /* the subcommand, called with `config` and --control */
    const char *config;
    int (*function)(void *arg, int control_fd); /* when there is no command: its exit status */
    void *arg;
    const char *program; /* path of another program, run with `words`; NULL: this one */
    char *const *words;  /* copied */
};

/* Fails only when no process can be made; what goes wrong in it shows as its end. */
enum result process_start(struct process *process, struct supervisor *supervisor,
                          const struct process_spec *spec, struct error *error) MUST_USE;

/* Starts one again that has ended: the same program with the same configuration file and log. */
enum result process_restart(struct process *process, struct supervisor *supervisor,
                            struct error *error) MUST_USE;

/* Stops it and what it has started where they are (SIGSTOP), and lets them go on (SIGCONT). */
void process_freeze(struct process *process);
void process_thaw(struct process *process);

/* Ends it by a signal, as a part of the experiment: nobody takes its end for a failure. It is not
 * waited for. */
void process_kill(struct process *process, int signal_number);

/* Waits until something happens, at most until `deadline`, and takes note of it: ends of processes,
 * lines from them, signals. */
void supervisor_wait(struct supervisor *supervisor, mono deadline);

/* Waits for the line that says it accepts connections. Fails when it ends first, when it takes
 * longer than `patience`, or when the user interrupts. */
enum result process_wait_ready(struct process *process, struct supervisor *supervisor,
                               duration patience, struct error *error) MUST_USE;

/* Tells it when the measured load begins. */
enum result process_send_epoch(struct process *process, mono epoch, struct error *error) MUST_USE;

/* Fails when the user has interrupted, or when a process other than `may_end` (NULL: none) has
 * ended though nobody asked it to. The message holds its last log lines. */
enum result supervisor_check(const struct supervisor *supervisor, const struct process *processes,
                             size_t count, const struct process *may_end,
                             struct error *error) MUST_USE;

/* SIGTERM, and SIGKILL when it has not ended within `patience`. Fails when it had to be killed or
 * did not end with status 0. Harmless on one that has ended or never started. */
enum result process_stop(struct process *process, struct supervisor *supervisor, duration patience,
                         struct error *error) MUST_USE;

/* SIGKILL, and waits for its end, which is taken as meant. Harmless on one that has ended. */
void process_end(struct process *process, struct supervisor *supervisor);

/* Appends "; its last lines: ..." from its log. */
void process_append_last_lines(const struct process *process, struct buf *out);

/* "NAME ended with status 3; its last lines: ..." */
void process_describe_end(const struct process *process, struct buf *out);

/* What a process that has ended holds. */
void process_release(struct process *process);

#endif
