/* SPDX-License-Identifier: MIT */
#include "lab/run/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/memory.h"

#define CONTROL_FD 3 /* in every child */

enum result supervisor_open(struct supervisor *supervisor, struct error *error)
{
    *supervisor = (struct supervisor){.signals = -1};
    list_init(&supervisor->running);
    sigset_t watched;
    sigemptyset(&watched);
    sigaddset(&watched, SIGINT);
    sigaddset(&watched, SIGTERM);
    sigaddset(&watched, SIGHUP);
    sigaddset(&watched, SIGCHLD);
    sigprocmask(SIG_BLOCK, &watched, &supervisor->mask_before);
    supervisor->signals = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
    return supervisor->signals < 0 ? error_errno(error, "cannot watch for signals") : OK;
}

void supervisor_close(struct supervisor *supervisor)
{
    list_foreach_safe (node, &supervisor->running) {
        struct process *process = list_entry(node, struct process, node);
        kill(process->words ? -process->pid : process->pid, SIGKILL);
        waitpid(process->pid, &process->status, 0);
        process->ended = true;
        list_remove(node);
    }
    if (supervisor->signals >= 0)
        close(supervisor->signals);
    supervisor->signals = -1;
    sigprocmask(SIG_SETMASK, &supervisor->mask_before, NULL);
}

/* ---- starting */

/* Whatever the lab has open is not the child's: descriptors above CONTROL_FD are closed, also in
 * a copy that runs a function. */
static void child_take_descriptors(int log, int control)
{
    int null = open("/dev/null", O_RDONLY);
    dup2(null, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    dup2(control, CONTROL_FD); /* the copy has no close-on-exec flag */
    if (control == CONTROL_FD)
        fcntl(CONTROL_FD, F_SETFD, 0);
    close_range(CONTROL_FD + 1, ~0U, 0);
}

/* Does not come back. */
static void child_run_other(const struct process *process)
{
    close_range(CONTROL_FD, ~0U, 0);
    execv(process->config, process->words);
    dprintf(STDERR_FILENO, "cannot start %s: %s\n", process->config, strerror(errno));
    _exit(EXIT_SYSTEM);
}

static void child_run(const struct process *process, const struct supervisor *supervisor, pid_t lab,
                      int log, int control)
{
    prctl(PR_SET_PDEATHSIG, process->words ? SIGTERM : SIGKILL);
    if (getppid() != lab)
        _exit(EXIT_SYSTEM); /* the lab died before the line above */
    setpgid(0, 0);
    child_take_descriptors(log, control);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &supervisor->mask_before, NULL);
    if (process->words)
        child_run_other(process);
    if (!process->command)
        _exit(process->function(process->arg, CONTROL_FD));
    execl("/proc/self/exe", "tailgate", process->command, process->config, "--control", "3",
          (char *)NULL);
    dprintf(STDERR_FILENO, "cannot start this program again by /proc/self/exe: %s\n",
            strerror(errno));
    _exit(EXIT_SYSTEM);
}

static enum result fork_child(struct process *process, struct supervisor *supervisor, int log,
                              struct error *error)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return error_errno(error, "no control channel for %s", process->name);
    pid_t lab = getpid();
    process->pid = fork();
    if (process->pid == 0)
        child_run(process, supervisor, lab, log, ends[1]);
    close(ends[1]);
    if (process->pid < 0) {
        close(ends[0]);
        return error_errno(error, "cannot start %s", process->name);
    }
    setpgid(process->pid, process->pid); /* also here: whoever comes first */
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    process->control = ends[0];
    list_push_back(&supervisor->running, &process->node);
    return OK;
}

static enum result launch(struct process *process, struct supervisor *supervisor,
                          struct error *error)
{
    int log = open(process->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log < 0)
        return error_errno(error, "%s: cannot write the log of %s", process->log_path,
                           process->name);
    fflush(NULL); /* a copy of the lab must not write what the lab has buffered */
    enum result result = fork_child(process, supervisor, log, error);
    process->ended = result != OK;
    close(log);
    return result;
}

static char **copy_words(char *const *words)
{
    size_t count = 0;
    while (words[count])
        count++;
    char **copy = mem_alloc(count + 1, sizeof(*copy));
    for (size_t i = 0; i < count; i++)
        copy[i] = mem_text(words[i]);
    return copy;
}

enum result process_start(struct process *process, struct supervisor *supervisor,
                          const struct process_spec *spec, struct error *error)
{
    *process = (struct process){.control = -1,
                                .ended = true,
                                .command = spec->command,
                                .function = spec->function,
                                .arg = spec->arg};
    list_init(&process->node);
    snprintf(process->name, sizeof(process->name), "%s", spec->name);
    process->log_path = mem_text(spec->log_path);
    process->config = spec->program  ? mem_text(spec->program)
                      : spec->config ? mem_text(spec->config)
                                     : NULL;
    process->words = spec->program ? copy_words(spec->words) : NULL;
    return launch(process, supervisor, error);
}

/* What belongs to one life of a process. */
static void forget_life(struct process *process)
{
    if (process->control >= 0)
        close(process->control);
    process->control = -1;
    buf_free(&process->input);
    free(process->addresses);
    process->addresses = NULL;
}

enum result process_restart(struct process *process, struct supervisor *supervisor,
                            struct error *error)
{
    forget_life(process);
    process->dead_on_purpose = process->frozen = process->had_to_be_killed = false;
    return launch(process, supervisor, error);
}

/* ---- what experiments do to them */

void process_freeze(struct process *process)
{
    process->frozen = true;
    kill(-process->pid, SIGSTOP);
}

void process_thaw(struct process *process)
{
    process->frozen = false;
    kill(-process->pid, SIGCONT);
}

void process_kill(struct process *process, int signal_number)
{
    process->dead_on_purpose = true;
    kill(-process->pid, signal_number);
}

/* ---- waiting */

static void take_signals(struct supervisor *supervisor)
{
    struct signalfd_siginfo info;
    while (read(supervisor->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGCHLD)
            continue;
        supervisor->impatient = supervisor->interrupted != 0;
        supervisor->interrupted = (int)info.ssi_signo;
    }
}

static void reap(struct supervisor *supervisor)
{
    list_foreach_safe (node, &supervisor->running) {
        struct process *process = list_entry(node, struct process, node);
        if (waitpid(process->pid, &process->status, WNOHANG) != process->pid)
            continue;
        process->ended = true;
        list_remove(node);
    }
}

static void take_line(struct process *process, char *line)
{
    static const char ready[] = "ready ";
    if (strncmp(line, ready, strlen(ready)) == 0 && !process->addresses)
        process->addresses = mem_text(line + strlen(ready));
}

static void take_input(struct process *process)
{
    ssize_t got = read(process->control, buf_reserve(&process->input, 4096), 4096);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        close(process->control);
        process->control = -1;
    }
    if (got <= 0)
        return;
    process->input.end += (size_t)got;
    for (char *end; (end = memchr(buf_head(&process->input), '\n', buf_len(&process->input)));) {
        *end = '\0';
        take_line(process, buf_head(&process->input));
        buf_consume(&process->input, (size_t)(end + 1 - buf_head(&process->input)));
    }
}

static struct pollfd *poll_set(const struct supervisor *supervisor, nfds_t *count)
{
    size_t running = 0;
    list_foreach (node, &supervisor->running)
        running++;
    struct pollfd *fds = mem_alloc(running + 1, sizeof(*fds));
    fds[0] = (struct pollfd){.fd = supervisor->signals, .events = POLLIN};
    *count = 1;
    list_foreach (node, &supervisor->running) {
        /* poll(2) passes over a descriptor of -1. */
        const struct process *process = list_entry(node, struct process, node);
        fds[(*count)++] = (struct pollfd){.fd = process->control, .events = POLLIN};
    }
    return fds;
}

void supervisor_wait(struct supervisor *supervisor, mono deadline)
{
    nfds_t count;
    struct pollfd *fds = poll_set(supervisor, &count);
    int64_t left = mono_between(mono_now(), deadline).ns;
    left = left < 0 ? 0 : left;
    const struct timespec timeout = {.tv_sec = left / NS_PER_S, .tv_nsec = left % NS_PER_S};
    if (ppoll(fds, count, &timeout, NULL) > 0) {
        nfds_t i = 1;
        list_foreach (node, &supervisor->running)
            if (fds[i++].revents)
                take_input(list_entry(node, struct process, node));
        take_signals(supervisor);
    }
    free(fds);
    reap(supervisor);
}

static enum result check_interrupt(const struct supervisor *supervisor, struct error *error)
{
    if (!supervisor->interrupted)
        return OK;
    return error_set(error, FAILED_SYSTEM, "interrupted by %s",
                     supervisor->interrupted == SIGINT    ? "Ctrl-C (SIGINT)"
                     : supervisor->interrupted == SIGTERM ? "SIGTERM"
                                                          : "SIGHUP");
}

static enum result fail_by_end(const struct process *process, struct error *error)
{
    struct buf text = {0};
    process_describe_end(process, &text);
    enum result result =
        error_set(error, FAILED_SYSTEM, "%.*s", (int)buf_len(&text), buf_head(&text));
    buf_free(&text);
    return result;
}

enum result process_wait_ready(struct process *process, struct supervisor *supervisor,
                               duration patience, struct error *error)
{
    mono deadline = mono_add(mono_now(), patience);
    while (!process->addresses) {
        enum result result = check_interrupt(supervisor, error);
        if (result != OK)
            return result;
        if (process->ended)
            return fail_by_end(process, error);
        if (!mono_before(mono_now(), deadline))
            return error_set(error, FAILED_SYSTEM,
                             "%s did not become ready within %lld s (its log: %s)", process->name,
                             (long long)(patience.ns / NS_PER_S), process->log_path);
        supervisor_wait(supervisor, deadline);
    }
    return OK;
}

enum result supervisor_check(const struct supervisor *supervisor, const struct process *processes,
                             size_t count, const struct process *may_end, struct error *error)
{
    for (size_t i = 0; i < count; i++)
        if (processes[i].pid > 0 && processes[i].ended && !processes[i].dead_on_purpose &&
            &processes[i] != may_end)
            return fail_by_end(&processes[i], error);
    return check_interrupt(supervisor, error);
}

enum result process_send_epoch(struct process *process, mono epoch, struct error *error)
{
    if (process->words)
        return OK;
    char line[48];
    int length = snprintf(line, sizeof(line), "epoch %lld\n", (long long)epoch.ns);
    if (send(process->control, line, (size_t)length, MSG_NOSIGNAL) == length)
        return OK;
    return error_errno(error, "%s does not listen to the lab any more (its log: %s)", process->name,
                       process->log_path);
}

/* ---- ending */

/* Other programs say what they like when they are told to end, unless they crash. */
static bool ended_well(const struct process *process)
{
    if (process->words)
        return process->dead_on_purpose || WIFEXITED(process->status) ||
               WTERMSIG(process->status) == SIGTERM;
    return process->dead_on_purpose ||
           (WIFEXITED(process->status) && WEXITSTATUS(process->status) == 0);
}

static void wait_for_end(struct process *process, struct supervisor *supervisor, mono deadline)
{
    while (!process->ended && !supervisor->impatient && mono_before(mono_now(), deadline))
        supervisor_wait(supervisor, deadline);
}

enum result process_stop(struct process *process, struct supervisor *supervisor, duration patience,
                         struct error *error)
{
    if (process->pid <= 0)
        return OK;
    if (!process->ended)
        kill(process->pid, SIGTERM);
    if (process->frozen)
        process_thaw(process);
    wait_for_end(process, supervisor, mono_add(mono_now(), patience));
    if (process->ended && process->words)
        kill(-process->pid, SIGKILL); /* what it has left behind */
    if (process->ended)
        return ended_well(process) ? OK : fail_by_end(process, error);
    process_end(process, supervisor);
    if (process->words) {
        process->had_to_be_killed = true;
        return OK;
    }
    return error_set(error, FAILED_SYSTEM,
                     "%s did not end within %lld s of SIGTERM and was killed (its log: %s)",
                     process->name, (long long)(patience.ns / NS_PER_S), process->log_path);
}

void process_end(struct process *process, struct supervisor *supervisor)
{
    if (process->pid <= 0 || process->ended)
        return;
    process_kill(process, SIGKILL);
    while (!process->ended)
        supervisor_wait(supervisor, mono_add(mono_now(), duration_s(1)));
}

/* Appends the last lines of the log, joined by " | ": what a process says before it dies. */
void process_append_last_lines(const struct process *process, struct buf *out)
{
    char tail[401];
    int fd = open(process->log_path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    off_t size = lseek(fd, 0, SEEK_END);
    off_t from = size > 400 ? size - 400 : 0;
    ssize_t got = pread(fd, tail, 400, from);
    close(fd);
    while (got > 0 && tail[got - 1] == '\n')
        got--;
    if (got <= 0)
        return;
    tail[got] = '\0';
    char *start = tail;
    if (from > 0 && strchr(tail, '\n'))
        start = strchr(tail, '\n') + 1;
    buf_append_text(out, "; its last lines: ");
    for (char *line; (line = strsep(&start, "\n"));)
        buf_printf(out, "%s%s", line, start ? " | " : "");
}

void process_describe_end(const struct process *process, struct buf *out)
{
    if (WIFSIGNALED(process->status))
        buf_printf(out, "%s (pid %d) was killed by signal %d (%s)", process->name,
                   (int)process->pid, WTERMSIG(process->status),
                   strsignal(WTERMSIG(process->status)));
    else
        buf_printf(out, "%s (pid %d) ended with status %d", process->name, (int)process->pid,
                   WEXITSTATUS(process->status));
    process_append_last_lines(process, out);
    buf_printf(out, " (its log: %s)", process->log_path);
}

void process_release(struct process *process)
{
    forget_life(process);
    free(process->log_path);
    free(process->config);
    for (size_t i = 0; process->words && process->words[i]; i++)
        free(process->words[i]);
    free(process->words);
    free(process->listen);
    process->words = NULL;
    process->listen = NULL;
    process->log_path = process->config = NULL;
}
