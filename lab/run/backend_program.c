/* SPDX-License-Identifier: MIT */
#include "lab/run/backend_program.h"

#include <stdlib.h>

#include "lab/plan/program.h"
#include "lab/run/listening.h"

#define READY_WITHIN duration_s(30)

static enum result start(struct process *process, const struct backend_program_order *order,
                         const char *address, struct error *error)
{
    const struct conf_list *command = &order->plan->program->command;
    const char *name = ((const char *const *)command->items)[0];
    char *program = program_find(name, order->experiment_path), text[256];
    if (!program)
        return error_set(error, FAILED_SYSTEM, "%s",
                         program_describe_missing("the backend", name, text, sizeof(text)));
    char **words = program_words(command, address);
    const struct process_spec spec = {
        .name = order->plan->name, .log_path = order->log_path, .program = program, .words = words};
    enum result result = process_start(process, order->supervisor, &spec, error);
    program_words_free(words);
    free(program);
    return result;
}

enum result backend_program_start(struct process *process,
                                  const struct backend_program_order *order, struct error *error)
{
    char address[ADDRESS_TEXT];
    /* Kept: the program is told of it before it can take it. */
    enum result result =
        reserve_address(order->ports, "127.0.0.1:0", address, sizeof(address), error);
    if (result == OK)
        result = start(process, order, address, error);
    if (result == OK)
        result = listening_wait(process, order->supervisor, order->plan->name, address,
                                READY_WITHIN, error);
    return result;
}
