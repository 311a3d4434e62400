/* SPDX-License-Identifier: MIT */
/* What went wrong in a round: faults, pauses, and what the gateway did about it. */
#include <string.h>

#include <sqlite3.h>

#include "lab/analysis/effects.h"
#include "lab/read/column.h"
#include "lab/read/evidence_parts.h"
#include "lab/read/evidence_rows.h"
#include "lib/record/reader.h"

void evidence_take_place(void *context, sqlite3_stmt *row)
{
    struct evidence *evidence = context;
    const char *process = column_text(row, PLACE_PROCESS),
               *address = column_text(row, PLACE_ADDRESS);
    evidence->places =
        mem_grow(evidence->places, evidence->place_count + 1, sizeof(*evidence->places));
    evidence->places[evidence->place_count++] = (struct evidence_place){
        names_text(&evidence->texts, process), names_number(&evidence->endpoints, address)};
}

/* A target is a process, or an endpoint itself; the gateway, or what is not known, is everywhere.
 */
static uint32_t endpoint_of(const struct evidence *evidence, const char *target)
{
    for (size_t i = 0; i < evidence->place_count; i++)
        if (strcmp(evidence->places[i].process, target) == 0)
            return evidence->places[i].endpoint;
    for (uint32_t i = 0; i < evidence->endpoints.count; i++)
        if (strcmp(evidence->endpoints.items[i], target) == 0)
            return i;
    return BLAME_EVERYWHERE;
}

static void note_touch(struct evidence *evidence, const struct blame_span *span, uint64_t key)
{
    uint32_t touched = keymap_find(&evidence->case_of, key);
    if (touched != KEYMAP_NONE)
        EVIDENCE_ADD(evidence, touches, touch,
                     (struct evidence_touch){touched, span->name, span->endpoint, span->from});
}

void evidence_take_fault(void *context, sqlite3_stmt *row)
{
    struct evidence *evidence = context;
    const char *process = column_text(row, FAULT_PROCESS), *target = column_text(row, FAULT_TARGET);
    uint64_t key;
    bool traced = column_trace_key(row, FAULT_TRACE, &key);
    int64_t ended = column_length(row, FAULT_ENDED);
    if (sqlite3_column_type(row, FAULT_STARTED) == SQLITE_NULL)
        return;
    struct blame_span span = {
        .from = sqlite3_column_int64(row, FAULT_STARTED),
        .to = ended > 0 ? ended : INT64_MAX,
        .class = BLAME_INJECTED,
        .name = names_text(&evidence->texts, column_text(row, FAULT_NAME)),
        .target = names_text(&evidence->texts, target),
        .kind = names_text(&evidence->texts, column_text(row, FAULT_KIND)),
        .precise = traced || (process && strcmp(process, "gateway") == 0),
    };
    span.endpoint = endpoint_of(evidence, span.target);
    span.effects = effects_of_fault(span.kind);
    span.on_the_way = effects_on_the_way(span.kind);
    evidence_note_moment(evidence, ended > 0 ? ended : span.from);
    EVIDENCE_ADD(evidence, spans, span, span);
    if (traced)
        note_touch(evidence, &span, key);
}

/* An injected pause is a fault as well, and stands there. */
void evidence_take_pause(void *context, sqlite3_stmt *row)
{
    struct evidence *evidence = context;
    const char *kind = column_text(row, PAUSE_KIND);
    if (!kind || strcmp(kind, "injected") == 0)
        return;
    struct blame_span span = {
        .from = sqlite3_column_int64(row, PAUSE_STARTED),
        .to = sqlite3_column_int64(row, PAUSE_ENDED),
        .class = BLAME_PAUSE,
        .name = names_text(&evidence->texts, column_text(row, PAUSE_NAME)),
        .target = names_text(&evidence->texts, column_text(row, PAUSE_PROCESS)),
        .kind = strcmp(kind, "collection") == 0 ? "collection" : "pause",
        .effects = EFFECT_DELAYS | EFFECT_IDLES,
    };
    span.endpoint = endpoint_of(evidence, span.target);
    EVIDENCE_ADD(evidence, spans, span, span);
}

void evidence_take_state(void *context, sqlite3_stmt *row)
{
    struct evidence *evidence = context;
    const char *name = column_text(row, STATE_KIND_NAME);
    for (int kind = 0; name && kind < STATE_KIND_COUNT; kind++)
        if (strcmp(state_kind_name((enum state_kind)kind), name) == 0)
            EVIDENCE_ADD(
                evidence, states, state,
                (struct blame_state){
                    .at = sqlite3_column_int64(row, STATE_AT),
                    .kind = (enum state_kind)kind,
                    .subject = names_text(&evidence->texts, column_text(row, STATE_SUBJECT)),
                    .value = column_length(row, STATE_VALUE),
                });
}
