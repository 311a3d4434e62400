/* SPDX-License-Identifier: MIT */
/* What the parts of `tailgate whatif` hand to each other. */
#ifndef TAILGATE_LAB_WHATIF_WHATIF_RESULT_H
#define TAILGATE_LAB_WHATIF_WHATIF_RESULT_H

#include "lab/analysis/prediction.h"
#include "lab/plan/variant.h"
#include "lab/read/recorded_run.h"
#include "lab/read/trace_read.h"
#include "lab/result/expect.h"
#include "lab/whatif/whatif.h"
#include "lab/whatif/whatif_grid.h"

enum { WHATIF_CONDITIONS = 16 };

/* More tries than that, by requests, make backends slower than they were. */
#define WHATIF_MUCH_LOAD 0.05

enum whatif_verdict { WHATIF_FAILS, WHATIF_MEETS, WHATIF_UNTOLD };

struct whatif_point {
    struct prediction prediction;
    char withheld[160];          /* why nothing is said of it; "" = it is */
    enum whatif_verdict verdict; /* on the objective */
    char caveat[200]; /* why it is not met, may not be, or cannot be told; "" = as it says */
    double change;    /* how far it is from the present setting */
};

/* One setting, predicted and measured in one run. */
struct whatif_proof {
    size_t point;
    uint64_t seed;
    bool same_seed; /* as that of the run */
    struct prediction measured;
    bool within;           /* the measured failure rate lies in the predicted interval */
    bool p99_known;        /* on both sides */
    bool p99_within;       /* the same of the p99 */
    double relative_error; /* of the failure rate; NaN when none was measured, but predicted */
};

struct whatif {
    const struct whatif_options *options;
    struct recorded_run run;
    int variant;
    struct variants variants; /* of the run's experiment */
    struct cJSON *upstream;   /* its configuration, in the variant's tree */
    struct replay_setting present;
    struct replay_world world;
    struct trace trace;
    struct trace_facts facts;
    struct replay_outcome *outcomes;
    struct prediction recorded;
    double p99_miss; /* by how many ms the run's p99 is above that of its replay as it is; 0 when
                        either is not known */
    bool p99_missed; /* and lies outside of its interval */
    struct grid grid;
    struct whatif_point *points; /* of grid.points */
    struct expectation conditions[WHATIF_CONDITIONS];
    size_t condition_count;
    char *condition_texts; /* what they point into */
    int best;              /* a point, or -1 */
    struct cJSON *notes;   /* texts */
    struct whatif_proof *proofs;
    size_t proof_count;
};

/* Says something of the result as a whole. */
void whatif_note(struct whatif *whatif, const char *format, ...) PRINTF_LIKE(2, 3);

/* Says all that is doubtful, when the predictions are made. */
void whatif_note_all(struct whatif *whatif);

/* Whether the records are flawed so much that nothing may be said of any setting; `out` says how.
 */
bool whatif_find_flaw(const struct whatif *whatif, char *out, size_t size);

/* "0.154%", "84.1ms", "2s": three digits and never an exponent. Return `out`. */
const char *whatif_percent(char *out, size_t size, double share);
const char *whatif_ms(char *out, size_t size, double ms);

/* Prints the result in the format that was asked for. */
void whatif_print(const struct whatif *whatif);

/* The result as a tree; free it with cJSON_Delete. */
struct cJSON *whatif_json(const struct whatif *whatif);

/* Runs the experiment at the present setting, the recommended one and a few others, with the run's
 * seed and with a new one, and adds what was measured. */
enum result whatif_prove(struct whatif *whatif, struct error *error) MUST_USE;

#endif
