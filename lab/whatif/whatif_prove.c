/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "lab/plan/paths.h"
#include "lab/run/run_dir.h"
#include "lab/whatif/whatif_result.h"
#include "lab/whatif/whatif_setting.h"
#include "lib/base/memory.h"

extern char **environ;

enum { MOST_PROVEN = 6 };

/* The points that are proven: the present one, the recommended one, and others spread over those
 * that differ from it in the failures predicted. */
struct chosen {
    size_t points[MOST_PROVEN];
    size_t count;
};

static void choose(struct chosen *chosen, size_t point)
{
    for (size_t i = 0; i < chosen->count; i++)
        if (chosen->points[i] == point)
            return;
    if (chosen->count < MOST_PROVEN)
        chosen->points[chosen->count++] = point;
}

static struct chosen choose_points(const struct whatif *whatif)
{
    struct chosen chosen = {{0}, 1};
    if (whatif->best > 0)
        choose(&chosen, (size_t)whatif->best);
    const char *group = "";
    for (size_t i = 1; i < whatif->grid.count; i++) {
        bool asked = whatif->options->at != NULL;
        const char *own = whatif->grid.points[i].group;
        if (whatif->points[i].withheld[0] || (!asked && strcmp(own, group) == 0))
            continue;
        group = own;
        choose(&chosen, i);
    }
    return chosen;
}

/* ---- the experiment */

/* A name as part of a JSON Pointer (RFC 6901); `out` has room for twice its length. */
static void append_escaped(char *out, const char *name)
{
    for (; *name; name++) {
        if (*name == '~' || *name == '/')
            *out++ = '~';
        *out++ = *name;
        if (*name == '~' || *name == '/')
            out[-1] = *name == '~' ? '0' : '1';
    }
    *out = '\0';
}

/* The upstream at one point, named by what is set there. */
static cJSON *make_variant(const struct whatif *whatif, size_t point)
{
    const struct replay_setting *setting = &whatif->grid.points[point].setting;
    char label[256];
    cJSON *variant = cJSON_CreateObject(), *upstream = cJSON_Duplicate(whatif->upstream, true);
    whatif_setting_write(upstream, setting, &whatif->present);
    cJSON_AddStringToObject(variant, "label",
                            whatif_setting_text(label, sizeof(label), setting, &whatif->present));
    cJSON_AddItemToObject(variant, "value", upstream);
    return variant;
}

/* The variant's values are in place already; what varies now is the upstream as a whole, so that
 * the settings run in turns, with the same arrivals and faults. */
static cJSON *make_experiment(struct whatif *whatif, const struct chosen *chosen)
{
    const struct variant *variant = &whatif->variants.items[whatif->variant];
    cJSON *root = cJSON_Duplicate(conf_doc_root(variant->doc), true);
    if (whatif->run.path)
        paths_make_absolute(root, whatif->run.path);
    char name[256], pointer[sizeof("/gateway/upstreams/") + 2 * sizeof(whatif->facts.upstream)];
    snprintf(name, sizeof(name), "%s-whatif", whatif->run.name);
    size_t length = (size_t)snprintf(pointer, sizeof(pointer), "/gateway/upstreams/");
    append_escaped(pointer + length, whatif->facts.upstream);
    static const char *const replaced[] = {"name", "variants", "expect", "claims", "investigate"};
    for (size_t i = 0; i < ARRAY_LEN(replaced); i++)
        cJSON_DeleteItemFromObjectCaseSensitive(root, replaced[i]);
    cJSON_AddStringToObject(root, "name", name);
    cJSON *values = cJSON_AddArrayToObject(cJSON_AddObjectToObject(root, "variants"), pointer);
    for (size_t i = 0; i < chosen->count; i++)
        cJSON_AddItemToArray(values, make_variant(whatif, chosen->points[i]));
    return root;
}

static enum result write_experiment(struct whatif *whatif, const struct chosen *chosen,
                                    const char *folder, char **path, struct error *error)
{
    enum result result = folder_make(folder, error);
    if (result != OK)
        return result;
    size_t size = strlen(folder) + sizeof("/experiment.json");
    *path = mem_alloc(size, 1);
    snprintf(*path, size, "%s/experiment.json", folder);
    cJSON *experiment = make_experiment(whatif, chosen);
    char *text = cJSON_Print(experiment);
    result = file_write(*path, text, strlen(text), error);
    cJSON_free(text);
    cJSON_Delete(experiment);
    return result;
}

/* `tailgate run`, as a user would; what it prints goes to stderr. */
static enum result run_experiment(const char *path, const char *folder, uint64_t seed,
                                  struct error *error)
{
    char number[32];
    snprintf(number, sizeof(number), "%llu", (unsigned long long)seed);
    const char *const words[] = {"tailgate", "run",    path,   "--output",
                                 folder,     "--seed", number, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    pid_t pid;
    int problem = posix_spawn(&pid, "/proc/self/exe", &actions, NULL,
                              (char *const *)(uintptr_t)words, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (problem != 0)
        return error_set(error, FAILED_SYSTEM, "cannot start tailgate run: %s", strerror(problem));
    int status = 0;
    if (waitpid(pid, &status, 0) < 0)
        return error_errno(error, "cannot wait for tailgate run");
    if (WIFEXITED(status) && WEXITSTATUS(status) <= EXIT_EXPECTATION)
        return OK;
    return error_set(error, FAILED_SYSTEM, "the experiment %s could not be run", path);
}

/* ---- what was measured */

static void judge_p99(const struct prediction *predicted, struct whatif_proof *proof)
{
    double measured = proof->measured.p99_ms.value;
    proof->p99_known = predicted->p99_known && proof->measured.p99_known;
    proof->p99_within =
        proof->p99_known && measured >= predicted->p99_ms.low && measured <= predicted->p99_ms.high;
}

static void judge(const struct whatif *whatif, struct whatif_proof *proof)
{
    const struct whatif_point *point = &whatif->points[proof->point];
    const struct prediction_range *predicted = &point->prediction.failure_rate;
    proof->relative_error = NAN;
    if (point->withheld[0])
        return;
    double measured = proof->measured.failure_rate.value;
    proof->within = measured >= predicted->low && measured <= predicted->high;
    double off = fabs(predicted->value - measured);
    proof->relative_error = off == 0 ? 0 : measured > 0 ? off / measured : NAN;
    judge_p99(&point->prediction, proof);
}

static enum result measure(struct whatif *whatif, const struct recorded_run *run, size_t variant,
                           struct whatif_proof *proof, struct error *error)
{
    const struct replay_setting *setting = &whatif->grid.points[proof->point].setting;
    const struct trace_source source = {.variant = (int)variant,
                                        .upstream = whatif->facts.upstream,
                                        .response = setting->response,
                                        .per_try = setting->per_try};
    struct trace trace;
    struct trace_facts facts = {0};
    enum result result = trace_read(&trace, &facts, run, &source, error);
    if (result == OK) {
        struct replay_outcome *outcomes = mem_alloc(trace.request_count + 1, sizeof(*outcomes));
        prediction_recorded(&trace, outcomes);
        prediction_take(&proof->measured, &trace, outcomes, 0, whatif->options->seed);
        judge(whatif, proof);
        free(outcomes);
    }
    trace_free(&trace);
    return result;
}

static enum result prove_with(struct whatif *whatif, const struct chosen *chosen, uint64_t seed,
                              bool same_seed, struct error *error)
{
    char folder[4096], newest[4300];
    char *path = NULL;
    snprintf(folder, sizeof(folder), "%s/%s-whatif",
             whatif->options->output ? whatif->options->output : "runs", whatif->run.name);
    snprintf(newest, sizeof(newest), "%s/%s-whatif", folder, whatif->run.name);
    struct recorded_run run = {0};
    enum result result = write_experiment(whatif, chosen, folder, &path, error);
    if (result == OK)
        result = run_experiment(path, folder, seed, error);
    if (result == OK)
        result = recorded_run_open(&run, newest, error);
    for (size_t i = 0; i < chosen->count && result == OK; i++) {
        whatif->proofs = mem_grow(whatif->proofs, whatif->proof_count + 1, sizeof(*whatif->proofs));
        struct whatif_proof *proof = &whatif->proofs[whatif->proof_count++];
        *proof =
            (struct whatif_proof){.point = chosen->points[i], .seed = seed, .same_seed = same_seed};
        result = measure(whatif, &run, i, proof, error);
    }
    if (result == OK && run.busy_share > 0.9)
        whatif_note(whatif, "the machine was starved while this was proven (%.0f %% busy)",
                    run.busy_share * 100);
    recorded_run_close(&run);
    free(path);
    return result;
}

enum result whatif_prove(struct whatif *whatif, struct error *error)
{
    const struct chosen chosen = choose_points(whatif);
    uint64_t seed = strtoull(whatif->run.seed ? whatif->run.seed : "0", NULL, 10);
    enum result result = prove_with(whatif, &chosen, seed, true, error);
    return result == OK ? prove_with(whatif, &chosen, seed + 1, false, error) : result;
}
