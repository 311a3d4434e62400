/* SPDX-License-Identifier: MIT */
/* How long it takes to analyse a run that is over: `large_time FOLDER` does what `tailgate run`
 * does once all records are in FOLDER/run.db, by the experiment in FOLDER/experiment.json, and
 * prints how long each part took. tests/fidelity/large.py makes such folders. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "backend/config.h"
#include "lab/finish.h"
#include "lab/run/findings.h"
#include "lib/base/clock.h"
#include "proxy/config/config.h"

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void say(const char *what, mono since)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    fprintf(stderr, "%-24s %6.2f s since the start; %6.2f s of CPU, at most %ld MiB\n", what,
            (double)(mono_now().ns - since.ns) / 1e9,
            seconds_of(use.ru_utime) + seconds_of(use.ru_stime), use.ru_maxrss / 1024);
}

static enum result analyse(const struct plan *plan, const struct run_dir *dir, struct error *error)
{
    struct exchanges_reading reading;
    bool holds;
    char *path = run_dir_file(dir, "run.db");
    mono start = mono_now();
    exchanges_begin(&reading, path);
    enum result result = findings_write(path, &reading, 0, error);
    say("findings", start);
    if (exchanges_end(&reading, error) == OK && result == OK) {
        say("requests read", start);
        result = finish_run(plan, &reading.exchanges, dir, NULL, 0, &holds, error);
        say("summary and page", start);
    }
    exchanges_free(&reading.exchanges);
    free(path);
    return result;
}

int main(int argc, char **argv)
{
    char here[] = ".";
    struct run_dir dir = {.path = argc == 2 ? argv[1] : here};
    char *experiment = run_dir_file(&dir, "experiment.json");
    const struct lab_options options = {.experiment = experiment,
                                        .backend_table = &backend_conf_table,
                                        .proxy_table = &proxy_conf_table};
    struct plan plan = {0};
    struct error error;
    enum result result = plan_make(&plan, &options, &error);
    if (result == OK)
        result = analyse(&plan, &dir, &error);
    if (result != OK)
        fprintf(stderr, "%s\n", error.text);
    plan_free(&plan);
    free(experiment);
    return result == OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
