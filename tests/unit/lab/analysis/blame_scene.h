/* SPDX-License-Identifier: MIT */
/* A made-up round of which the tests of blame say what went wrong in it. */
#ifndef TAILGATE_TESTS_UNIT_LAB_ANALYSIS_BLAME_SCENE_H
#define TAILGATE_TESTS_UNIT_LAB_ANALYSIS_BLAME_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "chaos/fault/fault.h"
#include "lab/analysis/blame.h"
#include "lab/analysis/effects.h"
#include "lib/base/memory.h"

#define MS      INT64_C(1000000)
#define SECOND  (1000 * MS)
#define TIMEOUT (100 * MS)

/* A made-up round: two endpoints of one upstream, asked in turns, 100 times a second each for ten
 * seconds. Cases and tries are added to it. */
struct scene {
    struct stall_wait *waits;
    size_t wait_count;
    struct stalls stalls;
    struct blame_case cases[64];
    struct blame_try tries[256];
    struct blame_span spans[16];
    struct blame_state states[16];
    struct blame_book book;
};

static const char *const endpoints[] = {"127.0.0.1:1", "127.0.0.1:2"};
static const char *const upstreams[] = {"orders", "users"};

static inline int set_up(void **state)
{
    struct scene *scene = mem_alloc(1, sizeof(*scene));
    scene->waits = mem_alloc(4000, sizeof(*scene->waits));
    for (int64_t i = 0; i < 2000; i++)
        scene->waits[scene->wait_count++] = (struct stall_wait){
            i * 5 * MS, i * 5 * MS + 3 * MS, (uint32_t)(i % 2), STALL_HEAD, true};
    scene->book = (struct blame_book){.cases = scene->cases,
                                      .tries = scene->tries,
                                      .spans = scene->spans,
                                      .states = scene->states,
                                      .endpoints = endpoints,
                                      .upstreams = upstreams,
                                      .endpoint_count = 2,
                                      .upstream_count = 2,
                                      .stalls = &scene->stalls};
    *state = scene;
    return 0;
}

static inline int tear_down(void **state)
{
    struct scene *scene = *state;
    stalls_free(&scene->stalls);
    blame_free(&scene->book);
    free(scene->waits);
    free(scene);
    return 0;
}

static inline void add_span(struct scene *scene, const char *name, const char *kind,
                            uint32_t endpoint, int64_t from, int64_t to)
{
    scene->spans[scene->book.span_count++] = (struct blame_span){.from = from,
                                                                 .to = to,
                                                                 .endpoint = endpoint,
                                                                 .class = BLAME_INJECTED,
                                                                 .name = name,
                                                                 .kind = kind,
                                                                 .target = "it",
                                                                 .effects = effects_of_fault(kind)};
}

static inline struct blame_try *add_try(struct scene *scene, uint32_t owner, uint32_t endpoint,
                                        enum cause outcome, int64_t from, int64_t until)
{
    struct blame_try *try = &scene->tries[scene->book.try_count++];
    *try = (struct blame_try){.owner = owner,
                              .endpoint = endpoint,
                              .number = 1,
                              .outcome = outcome,
                              .from = from,
                              .until = until,
                              .late = -1,
                              .listened = -1,
                              .backend_queue = -1,
                              .backend_lock = -1,
                              .backend_work = -1,
                              .backend_gc = -1,
                              .backend_cleanup = -1};
    return try;
}

static inline void add_state(struct scene *scene, int64_t at, enum state_kind kind,
                             const char *subject)
{
    scene->states[scene->book.state_count++] =
        (struct blame_state){.at = at, .kind = kind, .subject = subject, .value = -1};
}

static inline struct blame_case *add_case(struct scene *scene, enum cause cause, int64_t from,
                                          int64_t until)
{
    struct blame_case *item = &scene->cases[scene->book.case_count++];
    *item = (struct blame_case){.part = cause == CAUSE_NONE ? BLAME_SLOW : BLAME_FAILED,
                                .recorded = true,
                                .cause = cause,
                                .status = cause_row(cause)->status,
                                .due = from,
                                .from = from,
                                .until = until,
                                .queue = -1,
                                .deliver = -1,
                                .latency = until - from,
                                .touched = BLAME_NONE};
    return item;
}

/* A request whose only try failed. */
static inline struct blame_try *fail_once(struct scene *scene, enum cause cause, uint32_t endpoint,
                                          int64_t from, int64_t until)
{
    uint32_t owner = (uint32_t)scene->book.case_count;
    add_case(scene, cause, from, until);
    return add_try(scene, owner, endpoint, cause, from, until);
}

static inline void judge(struct scene *scene)
{
    stalls_find(&scene->stalls, scene->waits, scene->wait_count, 2);
    blame_sort(&scene->book);
    blame_judge(&scene->book);
}

static inline const char *blamed(const struct scene *scene, size_t number)
{
    const struct blame_case *item = &scene->cases[number];
    return item->span == BLAME_NONE ? blame_class_name(item->class) : scene->spans[item->span].name;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
