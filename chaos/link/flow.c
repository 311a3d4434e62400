/* SPDX-License-Identifier: MIT */
#include "chaos/link/flow.h"

#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "lib/base/memory.h"

/* So many full reads one after the other are a run of bytes that is worth a pipe. */
enum { LONG_RUN = 4, PIPES = 256 };

void flow_shared_init(struct flow_shared *shared, size_t limit)
{
    pipes_init(&shared->pipes, PIPES);
    shared->scratch = mem_alloc(1, FLOW_SCRATCH);
    shared->limit = limit;
}

void flow_shared_release(struct flow_shared *shared)
{
    pipes_release(&shared->pipes);
    free(shared->scratch);
}

void flow_init(struct flow *flow, struct conn *from, struct conn *to)
{
    *flow = (struct flow){.from = from, .to = to};
}

static void drop_stream(struct flow *flow)
{
    stream_release(flow->stream);
    free(flow->stream);
    flow->stream = NULL;
}

void flow_release(struct flow *flow, struct flow_shared *shared)
{
    if (flow->stream)
        drop_stream(flow);
    if (flow->pipe)
        pipes_take_back(&shared->pipes, flow->pipe);
    flow->pipe = NULL;
    buf_free(&flow->pending);
}

struct stream *flow_stream(struct flow *flow, const struct flow_shared *shared, mono now)
{
    if (flow->stream)
        return flow->stream;
    flow->stream = mem_alloc(1, sizeof(*flow->stream));
    stream_init(flow->stream, shared->limit, now);
    if (flow->ended && !flow->finished)
        stream_end(flow->stream, now);
    return flow->stream;
}

void flow_settle(struct flow *flow)
{
    if (flow->stream && stream_is_plain(flow->stream))
        drop_stream(flow);
}

/* ---- writing */

/* Each of these writes until nothing is left (1), there is no room (0), or it fails (-1). */

static int write_pipe(struct flow *flow, struct flow_shared *shared)
{
    while (flow->pipe && flow->pipe->held > 0) {
        ssize_t n = pipe_drain(flow->pipe, flow->to);
        if (n <= 0)
            return n == CONN_AGAIN ? 0 : -1;
        flow->sent += (uint64_t)n;
    }
    if (flow->pipe && (flow->stream || flow->ended)) {
        pipes_take_back(&shared->pipes, flow->pipe);
        flow->pipe = NULL;
    }
    return 1;
}

static int write_pending(struct flow *flow)
{
    while (buf_len(&flow->pending) > 0) {
        if (!flow->to->writable)
            return 0;
        ssize_t n = conn_write(flow->to, buf_head(&flow->pending), buf_len(&flow->pending));
        if (n <= 0)
            return n == CONN_AGAIN ? 0 : -1;
        flow->sent += (uint64_t)n;
        buf_consume(&flow->pending, (size_t)n);
    }
    if (flow->pending.data)
        buf_free(&flow->pending);
    return 1;
}

static int write_stream(struct flow *flow)
{
    const char *bytes;
    for (size_t n; flow->stream && (n = stream_peek(flow->stream, &bytes)) > 0;) {
        if (!flow->to->writable)
            return 0;
        ssize_t put = conn_write(flow->to, bytes, n);
        if (put <= 0)
            return put == CONN_AGAIN ? 0 : -1;
        flow->sent += (uint64_t)put;
        stream_take(flow->stream, (size_t)put);
    }
    return 1;
}

static int write_all(struct flow *flow, struct flow_shared *shared)
{
    int written = write_pipe(flow, shared);
    if (written > 0)
        written = write_pending(flow);
    return written > 0 ? write_stream(flow) : written;
}

/* ---- reading */

static enum flow_result read_failed(struct flow *flow, ssize_t n, mono now)
{
    if (n == CONN_AGAIN)
        return FLOW_WAITS;
    /* On a stale connection nobody learns of a reset either. */
    bool stale = flow->stream && stream_is_stale(flow->stream);
    if (n == CONN_FAILED && !stale)
        return FLOW_FAILED;
    flow->ended = true;
    if (flow->stream)
        stream_end(flow->stream, now);
    return FLOW_GOES;
}

static enum flow_result read_into_stream(struct flow *flow, struct flow_shared *shared, mono now)
{
    size_t room = stream_room(flow->stream);
    if (room == 0)
        return FLOW_WAITS;
    ssize_t n = conn_read(flow->from, shared->scratch, room < FLOW_SCRATCH ? room : FLOW_SCRATCH);
    if (n <= 0)
        return read_failed(flow, n, now);
    flow->received += (uint64_t)n;
    flow->moved = true;
    stream_push(flow->stream, shared->scratch, (size_t)n, now);
    return FLOW_GOES;
}

static enum flow_result read_into_pipe(struct flow *flow, struct flow_shared *shared)
{
    ssize_t n = pipe_fill(flow->pipe, flow->from, PIPE_PIECE);
    if (n > 0) {
        flow->received += (uint64_t)n;
        flow->moved = true;
        return FLOW_GOES;
    }
    if (n == CONN_AGAIN && !flow->from->readable) { /* else it goes on in the next turn */
        pipes_take_back(&shared->pipes, flow->pipe);
        flow->pipe = NULL;
        flow->full_reads = 0;
    }
    return read_failed(flow, n, (mono){0});
}

static enum flow_result copy(struct flow *flow, struct flow_shared *shared)
{
    ssize_t n = conn_read(flow->from, shared->scratch, FLOW_SCRATCH);
    if (n <= 0)
        return read_failed(flow, n, (mono){0});
    flow->received += (uint64_t)n;
    flow->moved = true;
    flow->full_reads = (size_t)n == FLOW_SCRATCH ? flow->full_reads + 1 : 0;
    ssize_t put = flow->to->writable ? conn_write(flow->to, shared->scratch, (size_t)n) : 0;
    if (put == CONN_FAILED)
        return FLOW_FAILED;
    flow->sent += (uint64_t)put;
    buf_append(&flow->pending, shared->scratch + put, (size_t)(n - put));
    return FLOW_GOES;
}

static enum flow_result read_once(struct flow *flow, struct flow_shared *shared, mono now)
{
    if (flow->ended || !flow->from->readable)
        return FLOW_WAITS;
    if (flow->stream)
        return read_into_stream(flow, shared, now);
    if (!flow->pipe && flow->full_reads >= LONG_RUN && pipe_can_join(flow->from, flow->to))
        flow->pipe = pipes_lend(&shared->pipes);
    return flow->pipe ? read_into_pipe(flow, shared) : copy(flow, shared);
}

/* ---- both */

/* A reset loses what the kernel has not sent yet. A reset that has its place in the stream comes
 * behind bytes that are to arrive; one of the whole connection does not care. */
static enum flow_result end_by_reset(struct flow *flow)
{
    int unsent = 0;
    bool placed = !flow->stream->reset;
    if (placed && ioctl(flow->to->fd, SIOCOUTQNSD, &unsent) != 0)
        unsent = 0;
    flow->lingers = unsent > 0;
    return flow->lingers ? FLOW_WAITS : FLOW_RESET;
}

/* Everything that may go is written: passes on the end, when it is there. */
static enum flow_result pass_end(struct flow *flow)
{
    enum stream_state state = flow->stream  ? stream_state(flow->stream)
                              : flow->ended ? STREAM_FINISHED
                                            : STREAM_OPEN;
    if (state == STREAM_CUT)
        return FLOW_CLOSE;
    if (state == STREAM_RESET)
        return end_by_reset(flow);
    if (state == STREAM_FINISHED && !flow->finished) {
        flow->finished = true;
        conn_finish(flow->to);
    }
    return FLOW_GOES;
}

enum flow_result flow_step(struct flow *flow, struct flow_shared *shared, mono now)
{
    if (flow->stream)
        stream_run(flow->stream, now);
    if (flow->stream && flow->stream->reset)
        return FLOW_RESET;
    int written = write_all(flow, shared);
    if (written < 0)
        return FLOW_FAILED;
    enum flow_result passed = written > 0 ? pass_end(flow) : FLOW_GOES;
    if (passed != FLOW_GOES)
        return passed;
    if (written == 0 && !flow->stream)
        return FLOW_WAITS;
    return read_once(flow, shared, now);
}

bool flow_is_over(const struct flow *flow)
{
    if (flow->finished)
        return true;
    return flow->ended && flow->stream && flow->stream->held == 0 &&
           stream_state(flow->stream) == STREAM_OPEN &&
           stream_due(flow->stream).ns == STREAM_NEVER.ns;
}
