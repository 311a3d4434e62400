/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/finish.h"
#include "lab/plan/plan.h"
#include "lab/run/findings.h"
#include "lab/run/round.h"

/* What a request leaves on the disk at most: its rows in the database with their indexes, and the
 * records they come from, which stay until the database is complete. */
#define BYTES_PER_REQUEST 2200
#define BYTES_PER_PROCESS (UINT64_C(8) << 20) /* segments that are not full */

struct run {
    struct plan plan;
    struct run_dir dir;
    struct supervisor supervisor;
    struct progress progress;
    struct run_db *db;
    struct error error; /* of what first cut the run short */
    bool cut_short;
    bool kept_segments; /* a round could not be added: its segments are all there is of it */
    uint64_t dropped;
};

static enum exit_status complain(enum result result, const struct error *error)
{
    fprintf(stderr, "%s%s\n", result == FAILED_INPUT ? "" : "tailgate: ", error->text);
    return result_exit_status(result);
}

/* The first failure is the one that is told as the reason; a later one is said at once. */
static void cut_short(struct run *run, enum result result, const struct error *error)
{
    if (result == OK)
        return;
    if (run->cut_short)
        progress_say(&run->progress, "tailgate: %s", error->text);
    else
        run->error = *error;
    run->cut_short = true;
}

static uint64_t space_needed(const struct plan *plan)
{
    double requests = 0;
    size_t processes = 0; /* of one round: their segments are cut to size when they end */
    for (size_t i = 0; i < plan->variants.count; i++) {
        requests += experiment_arrivals(&plan_experiment(plan, i)->load);
        if (plan->items[i].backend_count + 3 > processes)
            processes = plan->items[i].backend_count + 3;
    }
    return (uint64_t)(requests * (double)plan->rounds * BYTES_PER_REQUEST) +
           processes * BYTES_PER_PROCESS;
}

static void announce(struct run *run)
{
    const struct plan *plan = &run->plan;
    double seconds = 0;
    for (size_t i = 0; i < plan->variants.count; i++) {
        const struct load_spec *load = &plan_experiment(plan, i)->load;
        if (plan->items[i].skipped)
            continue;
        seconds += 0.5 + (double)(load->warmup.ns + load->duration.ns) / 1e9;
    }
    size_t variants = plan_runnable(plan);
    progress_say(&run->progress, "%s: %zu variant%s, %lld round%s, seed %llu, about %.0f s",
                 run->dir.path, variants, variants == 1 ? "" : "s", (long long)plan->rounds,
                 plan->rounds == 1 ? "" : "s", (unsigned long long)plan->seed,
                 seconds * (double)plan->rounds);
}

static enum result prepare(struct run *run, const struct lab_options *options, struct error *error)
{
    const char *output = options->output ? options->output : "runs";
    enum result result = folder_check_space(output, space_needed(&run->plan), error);
    if (result == OK)
        result = run_dir_make(&run->dir, output, plan_experiment(&run->plan, 0)->name, error);
    if (result != OK)
        return result;
    char *path = run_dir_file(&run->dir, "run.db");
    result = run_db_open(&run->db, path, &run->plan, run->dir.started, error);
    free(path);
    return result;
}

/* Runs a round and adds what it recorded, however it ended. */
static void run_round(struct run *run, size_t variant, int64_t number)
{
    struct round round = {.plan = &run->plan,
                          .dir = &run->dir,
                          .supervisor = &run->supervisor,
                          .progress = &run->progress,
                          .variant = variant,
                          .number = number};
    struct error error;
    progress_begin(&run->progress, run->plan.variants.items[variant].label, number);
    enum result result = round_init(&round, &error);
    cut_short(run, result, &error);
    if (result == OK) {
        cut_short(run, round_run(&round, &error), &error);
        result = run_db_add_round(run->db, round.records, &round.facts, round.tally, &error);
        run->kept_segments |= result != OK;
        cut_short(run, result, &error);
    }
    round_release(&round);
}

/* In turns, so that whatever changes on the machine meanwhile meets every variant. */
static void run_rounds(struct run *run)
{
    for (int64_t number = 0; number < run->plan.rounds; number++)
        for (size_t variant = 0; variant < run->plan.variants.count; variant++)
            if (!run->cut_short && !run->plan.items[variant].skipped)
                run_round(run, variant, number);
    progress_end(&run->progress);
}

/* The segments are needed no more once the database holds what was in them. */
static void remove_segments(const struct run *run)
{
    for (int64_t number = 0; number < run->plan.rounds; number++)
        for (size_t variant = 0; variant < run->plan.variants.count; variant++) {
            char *records =
                run_dir_file(&run->dir, "v%zu-r%lld/records", variant, (long long)number);
            folder_remove(records);
            free(records);
        }
}

static void close_database(struct run *run)
{
    struct error error;
    run->dropped = run_db_dropped(run->db);
    enum result result = run_db_close(&run->db, run->cut_short ? run->error.text : NULL, &error);
    cut_short(run, result, &error);
    if (result == OK && !run->kept_segments)
        remove_segments(run);
}

/* What is behind failures is found, and the requests are read for the summary, at the same time. */
static void analyse(struct run *run, struct exchanges *exchanges)
{
    struct error error;
    struct exchanges_reading reading;
    char *path = run_dir_file(&run->dir, "run.db");
    exchanges_begin(&reading, path);
    cut_short(run, findings_write(path, &reading, run->dropped, &error), &error);
    cut_short(run, exchanges_end(&reading, &error), &error);
    *exchanges = reading.exchanges;
    free(path);
}

static enum exit_status finish(struct run *run)
{
    close_database(run);
    struct exchanges exchanges;
    analyse(run, &exchanges);
    bool holds = false;
    struct error error;
    enum result result =
        finish_run(&run->plan, &exchanges, &run->dir, run->cut_short ? run->error.text : NULL,
                   run->dropped, &holds, &error);
    exchanges_free(&exchanges);
    cut_short(run, result, &error);
    if (run->cut_short)
        return complain(FAILED_SYSTEM, &run->error);
    return holds ? EXIT_DONE : EXIT_EXPECTATION;
}

static void release(struct run *run)
{
    struct error ignored;
    if (run_db_close(&run->db, NULL, &ignored) != OK)
        fprintf(stderr, "tailgate: %s\n", ignored.text);
    run_dir_free(&run->dir);
    plan_free(&run->plan);
}

enum exit_status lab_run(const struct lab_options *options)
{
    struct run run = {0};
    struct error error;
    enum result result = plan_make(&run.plan, options, &error);
    if (result == OK) {
        result = plan_find_programs(&run.plan, &error);
        if (result != OK)
            plan_free(&run.plan);
    }
    if (result != OK)
        return complain(result, &error);
    progress_init(&run.progress, plan_runnable(&run.plan) * (size_t)run.plan.rounds,
                  run.plan.rounds);
    enum exit_status status;
    result = prepare(&run, options, &error);
    if (result == OK)
        result = supervisor_open(&run.supervisor, &error);
    if (result == OK) {
        announce(&run);
        run_rounds(&run);
        status = finish(&run);
        supervisor_close(&run.supervisor);
    } else {
        status = complain(result, &error);
    }
    release(&run);
    return status;
}

enum result lab_check(const struct lab_options *options, struct error *error)
{
    struct plan plan;
    enum result result = plan_make(&plan, options, error);
    if (result == OK)
        plan_free(&plan);
    return result;
}
