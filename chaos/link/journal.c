/* SPDX-License-Identifier: MIT */
#include "chaos/link/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"

enum result journal_open(struct journal *journal, const char *folder, const char *process,
                         const struct log *log, struct error *error)
{
    *journal = (struct journal){.log = log};
    if (!folder)
        return OK;
    journal->names = mem_alloc(1, sizeof(*journal->names));
    journal->names[journal->name_count++] = mem_text(process);
    const char *const names[] = {process};
    struct record_settings settings = {
        .folder = folder, .process = process, .names = names, .name_count = 1, .log = log};
    enum result result = record_store_open(&journal->store, &settings, error);
    if (result == OK)
        result = record_writer_open(&journal->writer, journal->store, 0, error);
    return result;
}

void journal_close(struct journal *journal)
{
    record_store_close(&journal->store);
    for (size_t i = 0; i < journal->name_count; i++)
        free(journal->names[i]);
    free(journal->names);
    *journal = (struct journal){0};
}

static uint16_t add_name(struct journal *journal, const char *name)
{
    struct error error;
    const char *const names[] = {name};
    if (record_store_add_names(journal->store, names, 1, &error) != OK) {
        if (!journal->names_spent)
            log_warn(journal->log, NULL, "faults are recorded without names from now on: %s",
                     error.text);
        journal->names_spent = true;
        return NAME_NONE;
    }
    record_writer_renew(journal->writer);
    journal->names = mem_grow(journal->names, journal->name_count + 1, sizeof(*journal->names));
    journal->names[journal->name_count] = mem_text(name);
    return (uint16_t)journal->name_count++;
}

uint16_t journal_name(struct journal *journal, const char *name)
{
    if (!journal->store)
        return NAME_NONE;
    for (size_t i = 0; i < journal->name_count; i++)
        if (strcmp(journal->names[i], name) == 0)
            return (uint16_t)i;
    return add_name(journal, name);
}

void journal_fault(struct journal *journal, const struct journal_entry *entry)
{
    struct fault_record row = {
        .name = entry->fault,
        .target = entry->target,
        .ordinal = entry->ordinal,
        .planned_at = entry->planned_at.ns,
        .planned_for = entry->planned_for.ns,
        .started = entry->started.ns,
        .ended = mono_now().ns,
    };
    memcpy(row.trace_id.bytes, entry->trace_id, sizeof(row.trace_id.bytes));
    snprintf(row.kind, sizeof(row.kind), "%s", entry->kind);
    RECORD_APPEND(journal->writer, FAULT, fault, &row);
}
