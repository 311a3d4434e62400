/* SPDX-License-Identifier: MIT */
#include "lab/run/listening.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/base/memory.h"
#include "lib/net/address.h"
#include "lib/net/dial.h"

#define ASK_EVERY duration_ms(20)
#define ANSWER_MS 100 /* for which a connection is waited for: it is to this machine */

static bool accepts(const char *listen)
{
    struct address address;
    int fd = address_parse(&address, listen) ? dial_start(&address) : -1;
    if (fd < 0)
        return false;
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    bool connected = poll(&ready, 1, ANSWER_MS) == 1 && dial_error(fd) == 0;
    close(fd);
    return connected;
}

void listening_look(struct process *process)
{
    if (!process->addresses && accepts(process->listen))
        process->addresses = mem_text(process->listen);
}

static enum result fail(const struct process *process, const char *what, struct error *error)
{
    struct buf text = {0};
    buf_append_text(&text, what);
    process_append_last_lines(process, &text);
    buf_printf(&text, " (its log: %s)", process->log_path);
    enum result result =
        error_set(error, FAILED_SYSTEM, "%.*s", (int)buf_len(&text), buf_head(&text));
    buf_free(&text);
    return result;
}

static enum result fail_by_end(const struct process *process, const char *who, struct error *error)
{
    struct buf text = {0};
    process_describe_end(process, &text);
    enum result result = error_set(error, FAILED_SYSTEM,
                                   "%s ended before it accepted a connection (expected a "
                                   "command that stays in the foreground): %.*s",
                                   who, (int)buf_len(&text), buf_head(&text));
    buf_free(&text);
    return result;
}

enum result listening_wait(struct process *process, struct supervisor *supervisor, const char *who,
                           const char *listen, duration within, struct error *error)
{
    char text[ADDRESS_TEXT + 160];
    process->listen = mem_text(listen);
    mono deadline = mono_add(mono_now(), within);
    while (mono_before(mono_now(), deadline)) {
        supervisor_wait(supervisor, mono_add(mono_now(), ASK_EVERY));
        enum result result = supervisor_check(supervisor, NULL, 0, NULL, error);
        if (result != OK)
            return result;
        if (process->ended)
            return fail_by_end(process, who, error);
        listening_look(process);
        if (process->addresses)
            return OK;
    }
    snprintf(text, sizeof(text), "%s did not accept connections at %s within %.1f s", who, listen,
             (double)within.ns / (double)NS_PER_S);
    return fail(process, text, error);
}
