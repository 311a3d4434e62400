/* SPDX-License-Identifier: MIT */
/* The figures of one comparison, and what may be said of each.
 *
 * Every figure is a question, and who asks many questions finds an answer by chance. All intervals
 * of a comparison together miss the truth in at most 5 % of comparisons (Bonferroni): 4 % are for
 * the main figures, 1 % for those by route and by cause, each shared evenly. A difference is seen
 * when its interval leaves out zero.
 *
 * What differs from round to round, and from run to run, is partly assumed, as a share of the
 * figure: USUAL_* in compare_figures.c, contrast.h says how. */
#ifndef TAILGATE_LAB_COMPARE_COMPARE_FIGURES_H
#define TAILGATE_LAB_COMPARE_COMPARE_FIGURES_H

#include "lab/analysis/contrast.h"
#include "lab/analysis/figure.h"

struct cJSON;

enum compare_unit { COMPARE_SHARE, COMPARE_MS, COMPARE_RATE };

/* Who is better, or why nobody is. */
enum compare_verdict { COMPARE_SAME, COMPARE_A, COMPARE_B, COMPARE_WITHHELD };

/* What one figure is called, and what is said of the side that is better in it. */
struct compare_row {
    const char *name; /* "p99" */
    enum figure_kind kind;
    double share; /* of a quantile */
    enum compare_unit unit;
    bool more_is_better;
    const char *better; /* "is faster at p99" */
};

struct compare_figure {
    const struct compare_row *row;
    bool main;
    char *of;  /* the route's or the cause's name, or NULL */
    int cause; /* of FIGURE_CAUSE */
    double a, b;
    double low, high; /* of the difference b - a */
    double would_see;
    struct contrast contrast;
    double block_s;
    enum compare_verdict verdict;
    char text[320]; /* the verdict in one sentence */
};

/* All figures of a comparison of two variants. */
struct compare_figures {
    struct compare_figure *items;
    size_t count;
    size_t left_out; /* routes and causes of which there is too little */
};

struct compare_basis {
    const struct outcomes *a, *b;
    bool paired;
    bool two_runs;
    bool other_rates; /* their loads offer different ones */
    uint64_t seed;
};

/* Takes and measures the figures; their verdicts need the number of all questions. */
void compare_figures_measure(struct compare_figures *figures, const struct compare_basis *basis);
void compare_figures_free(struct compare_figures *figures);

/* How many of the figures are questions: those that are not withheld already. */
void compare_figures_count(const struct compare_figures *figures, size_t *main, size_t *detail);

/* Sets intervals, verdicts and sentences, given the number of questions that are asked in all. */
void compare_figures_judge(struct compare_figures *figures, size_t main, size_t detail);

/* Sets them where both sides are the same requests: nothing would have been seen. */
void compare_figures_judge_same(struct compare_figures *figures);

/* "0.8 points", "12.3ms", "35/s": a difference without its sign. Returns `out`. */
const char *compare_amount(char *out, size_t size, enum compare_unit unit, double amount);

/* "0.82%", "12.3ms", "1498/s". Returns `out`. */
const char *compare_value(char *out, size_t size, enum compare_unit unit, double value);

#endif
