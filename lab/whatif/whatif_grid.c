/* SPDX-License-Identifier: MIT */
#include "lab/whatif/whatif_grid.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lab/whatif/whatif_setting.h"
#include "lib/base/clock.h"
#include "lib/base/memory.h"

/* Two digits: nobody sets 437.5 ms. */
static int64_t rounded(double ns)
{
    if (!(ns >= 1e6))
        return (int64_t)NS_PER_MS;
    double unit = pow(10, floor(log10(ns)) - 1);
    return (int64_t)(round(ns / unit) * unit);
}

void grid_add(struct grid *grid, const struct replay_setting *setting, const char *group)
{
    for (size_t i = 0; i < grid->count; i++)
        if (memcmp(&grid->points[i].setting, setting, sizeof(*setting)) == 0)
            return;
    grid->points = mem_grow(grid->points, grid->count + 1, sizeof(*grid->points));
    grid->points[grid->count++] = (struct grid_point){*setting, group};
}

void grid_free(struct grid *grid)
{
    free(grid->points);
    *grid = (struct grid){0};
}

/* A response timeout of 0 is none: what most responses need stands in its place. */
static double base_timeout(const struct replay_setting *present, const struct survival *ends)
{
    int64_t usual = survival_quantile(ends, 0.999);
    if (present->response > 0)
        return (double)present->response;
    return usual < INT64_MAX ? 2 * (double)usual : (double)NS_PER_S;
}

static void add_timeouts(struct grid *grid, const struct replay_setting *present,
                         const struct survival *ends, const struct grid_limits *limits)
{
    static const double factors[] = {0.25, 0.5, 0.75, 1.25, 1.5, 2, 3, 5};
    for (size_t i = 0; i < ARRAY_LEN(factors); i++) {
        struct replay_setting setting = *present;
        setting.response = rounded(base_timeout(present, ends) * factors[i]);
        if (limits->client_timeout <= 0 || setting.response < limits->client_timeout)
            grid_add(grid, &setting, "response timeout");
    }
}

static void add_retries(struct grid *grid, const struct replay_setting *present,
                        const struct survival *ends)
{
    static const double shares[] = {0, 0.25, 0.5};
    for (int64_t attempts = 1; attempts <= 3; attempts++)
        for (size_t i = 0; i < ARRAY_LEN(shares); i++) {
            struct replay_setting setting = *present;
            setting.attempts = attempts;
            if (attempts > 1) {
                whatif_retry_timeouts(&setting);
                setting.per_try =
                    shares[i] > 0 ? rounded(base_timeout(present, ends) * shares[i]) : 0;
            }
            grid_add(grid, &setting, "attempts and per-try timeout");
        }
}

static void add_budgets(struct grid *grid, const struct replay_setting *present,
                        const struct survival *ends)
{
    static const double budgets[] = {0.05, 0.1, 0.2, 0.5, 1};
    for (size_t i = 0; i < ARRAY_LEN(budgets); i++) {
        struct replay_setting setting = *present;
        if (setting.attempts < 2)
            setting.attempts = 2;
        whatif_retry_timeouts(&setting);
        if (setting.per_try == 0)
            setting.per_try = rounded(base_timeout(present, ends) * 0.5);
        setting.retry_budget = budgets[i];
        grid_add(grid, &setting, "retry budget");
    }
}

static void add_both(struct grid *grid, const struct replay_setting *present,
                     const struct survival *ends, const struct grid_limits *limits)
{
    static const double factors[] = {1.5, 2, 3};
    for (size_t i = 0; i < ARRAY_LEN(factors); i++) {
        struct replay_setting setting = *present;
        setting.response = rounded(base_timeout(present, ends) * factors[i]);
        if (limits->client_timeout > 0 && setting.response >= limits->client_timeout)
            return;
        setting.attempts = present->attempts > 2 ? present->attempts : 2;
        whatif_retry_timeouts(&setting);
        setting.per_try = rounded(base_timeout(present, ends) * factors[i] / 3);
        grid_add(grid, &setting, "response timeout with retries");
    }
}

static void add_hedges(struct grid *grid, const struct replay_setting *present,
                       const struct survival *ends)
{
    static const double shares[] = {0.9, 0.95, 0.99};
    for (size_t i = 0; i < ARRAY_LEN(shares); i++) {
        int64_t delay = survival_quantile(ends, shares[i]);
        if (delay == INT64_MAX || (present->response > 0 && delay >= present->response))
            continue;
        for (int wide = 0; wide < 2; wide++) {
            struct replay_setting setting = *present;
            setting.hedge_delay = rounded((double)delay);
            setting.hedge_max = setting.hedge_max > 0 ? setting.hedge_max : 1;
            if (wide)
                setting.hedge_budget = 0.2;
            grid_add(grid, &setting, "hedge delay");
        }
    }
}

static void add_connections(struct grid *grid, const struct replay_setting *present,
                            const struct grid_limits *limits)
{
    for (size_t part = 2; part <= 8; part *= 2) {
        struct replay_setting setting = *present;
        setting.max_connections = (int64_t)(limits->busiest / part);
        if (setting.max_connections >= 1)
            grid_add(grid, &setting, "connection limit");
    }
    for (int part = 2; part <= 8 && limits->idle_known; part *= 2) {
        struct replay_setting setting = *present;
        setting.idle_timeout = rounded((double)present->idle_timeout / part);
        grid_add(grid, &setting, "idle timeout");
    }
}

void grid_make(struct grid *grid, const struct replay_setting *present, const struct survival *ends,
               const struct grid_limits *limits)
{
    grid_add(grid, present, "as it is");
    add_timeouts(grid, present, ends, limits);
    add_retries(grid, present, ends);
    add_budgets(grid, present, ends);
    add_both(grid, present, ends, limits);
    add_hedges(grid, present, ends);
    add_connections(grid, present, limits);
}
