/* SPDX-License-Identifier: MIT */
/* What an investigation has found, as it stands in summary.json: { "name", "question", "answer" (or
 * null), "withheld" (why there is none, or null), "notes": [...], "table": { "columns": [...],
 * "rows": [[...]] }, "data": {...} }. Terminal and Markdown print the texts; the page also draws
 * the data. */
#ifndef TAILGATE_LAB_INVESTIGATE_FINDING_H
#define TAILGATE_LAB_INVESTIGATE_FINDING_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/result.h"

struct cJSON;
struct summary;
struct sqlite3;

/* What is looked at. */
struct investigated {
    const struct summary *summary; /* its variants have been read */
    struct sqlite3 *db;
};

/* One function for each investigation: fills "table", "data", and "answer" or "withheld". */
typedef enum result investigator(struct cJSON *finding, const struct investigated *run,
                                 struct error *error);

investigator keepalive_race_investigate;
investigator metastability_investigate;
investigator pause_map_investigate;
investigator timeout_ladder_investigate;

/* The first reason to say nothing is the one that is told. */
void finding_withhold(struct cJSON *finding, const char *format, ...) PRINTF_LIKE(2, 3);
void finding_answer(struct cJSON *finding, const char *format, ...) PRINTF_LIKE(2, 3);
void finding_note(struct cJSON *finding, const char *format, ...) PRINTF_LIKE(2, 3);

/* The "data" object. */
struct cJSON *finding_data(const struct cJSON *finding);

void finding_set_columns(struct cJSON *finding, const char *const *titles, size_t count);
struct cJSON *finding_add_row(struct cJSON *finding);
/* The next cell of a row. */
void finding_add_cell(struct cJSON *row, const char *format, ...) PRINTF_LIKE(2, 3);

/* "38 ms", "1.5 s"; written to `out`, which is returned. */
#define FINDING_TIME 32
const char *finding_time(char out[FINDING_TIME], int64_t ns);

/* The value that axis `axis` of the run's investigation has in a variant, as text: "50ms". Where it
 * does not vary, `otherwise`. */
const char *finding_value(const struct investigated *run, size_t variant, size_t axis,
                          const char *otherwise);
/* The same as a length of time; -1 where it does not vary or is none. */
int64_t finding_value_ns(const struct investigated *run, size_t variant, size_t axis);

#endif
