/* SPDX-License-Identifier: MIT */
#include "lib/net/loop.h"

/* Those who ask from now on are called in the round after this one. */
static void serve_turns(void *arg)
{
    struct loop *loop = arg;
    struct list due;
    list_insert_before(&loop->turns, &due);
    list_remove(&loop->turns);
    for (struct list *node; (node = list_pop_front(&due));) {
        struct turn *turn = list_entry(node, struct turn, node);
        turn->call(turn->arg);
    }
}

enum result loop_init(struct loop *loop, bool precise, struct error *error)
{
    struct event_config *config = event_config_new();
    /* The time at which a round of the loop began would do for timeouts; a timer that is started
     * behind simulated work of that round would fire too early by as much. */
    int precisely = EVENT_BASE_FLAG_PRECISE_TIMER | EVENT_BASE_FLAG_NO_CACHE_TIME;
    int flags = EVENT_BASE_FLAG_NOLOCK | (precise ? precisely : 0);
    loop->base = NULL;
    if (config &&
        event_config_require_features(config, EV_FEATURE_ET | EV_FEATURE_EARLY_CLOSE) == 0 &&
        event_config_set_flag(config, flags) == 0)
        loop->base = event_base_new_with_config(config);
    if (config)
        event_config_free(config);
    if (!loop->base)
        return error_set(error, FAILED_SYSTEM,
                         "cannot make an event loop: the system offers no edge-triggered epoll, or "
                         "has no descriptor left");
    list_init(&loop->turns);
    timer_init(&loop->next_round, loop, serve_turns, loop);
    return OK;
}

void loop_release(struct loop *loop)
{
    if (loop->base) {
        timer_stop(&loop->next_round);
        event_base_free(loop->base);
    }
    loop->base = NULL;
}

void loop_run(struct loop *loop)
{
    event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void loop_stop(struct loop *loop)
{
    event_base_loopbreak(loop->base);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct timer *timer = arg;
    timer->running = false;
    timer->call(timer->arg);
}

void timer_init(struct timer *timer, struct loop *loop, loop_call *call, void *arg)
{
    timer->call = call;
    timer->arg = arg;
    timer->running = false;
    evtimer_assign(&timer->event, loop->base, on_timer, timer);
}

void timer_start(struct timer *timer, duration after)
{
    struct timeval tv = duration_timeval(after);
    timer->running = true;
    evtimer_add(&timer->event, &tv);
}

void timer_stop(struct timer *timer)
{
    timer->running = false;
    evtimer_del(&timer->event);
}

static void on_soon(evutil_socket_t fd, short what, void *arg)
{
    struct soon *soon = arg;
    soon->call(soon->arg);
}

void soon_init(struct soon *soon, struct loop *loop, loop_call *call, void *arg)
{
    soon->call = call;
    soon->arg = arg;
    event_assign(&soon->event, loop->base, -1, 0, on_soon, soon);
}

void soon_ask(struct soon *soon)
{
    event_active(&soon->event, EV_TIMEOUT, 1);
}

void soon_cancel(struct soon *soon)
{
    event_del(&soon->event);
}

void turn_init(struct turn *turn, loop_call *call, void *arg)
{
    list_init(&turn->node);
    turn->call = call;
    turn->arg = arg;
}

void turn_ask(struct turn *turn, struct loop *loop)
{
    list_remove(&turn->node);
    list_push_back(&loop->turns, &turn->node);
    /* A call that an event_active puts behind the others would come before the loop looks for
     * events again. A timer waits for that, however soon it is. */
    if (!timer_running(&loop->next_round))
        timer_start(&loop->next_round, duration_ns(0));
}

void turn_cancel(struct turn *turn)
{
    list_remove(&turn->node);
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    struct signal_watch *watch = arg;
    watch->call(watch->arg);
}

void signal_watch_start(struct signal_watch *watch, struct loop *loop, int signal_number,
                        loop_call *call, void *arg)
{
    watch->call = call;
    watch->arg = arg;
    evsignal_assign(&watch->event, loop->base, signal_number, on_signal, watch);
    evsignal_add(&watch->event, NULL);
}

void signal_watch_stop(struct signal_watch *watch)
{
    evsignal_del(&watch->event);
}

static void on_fd(evutil_socket_t fd, short what, void *arg)
{
    struct fd_watch *watch = arg;
    watch->call(watch->arg);
}

void fd_watch_start(struct fd_watch *watch, struct loop *loop, int fd, loop_call *call, void *arg)
{
    watch->call = call;
    watch->arg = arg;
    event_assign(&watch->event, loop->base, fd, EV_READ | EV_PERSIST, on_fd, watch);
    event_add(&watch->event, NULL);
}

void fd_watch_stop(struct fd_watch *watch)
{
    event_del(&watch->event);
}
