/* SPDX-License-Identifier: MIT */
#include "proxy/connection/greeting.h"

#include "lib/net/proxy_header.h"
#include "proxy/message/origin.h"

/* Bytes looked at together; nearly every header is shorter. */
enum { PIECE = 512 };

/* One line tells that something is wrong; many would only hide what else is. */
static void refuse(struct client *client, const char *reason)
{
    struct worker *worker = client->worker;
    struct entrance *entrance = client->entrance;
    char peer[IP_PEER_TEXT];
    ip_peer_format(&client->peer, peer);
    log_at(&worker->log, entrance->refused_greeting ? LOG_DEBUG : LOG_WARN,
           entrance->config->address,
           "a connection from %s was closed: %s (further ones are counted in "
           "proxy_headers_refused_total)",
           peer, reason);
    entrance->refused_greeting = true;
    counter_add(&worker->counters.of[COUNTER_PROXY_HEADERS_REFUSED]);
}

static void take_over(struct client *client, const struct proxy_header *header)
{
    counter_add(&client->worker->counters.of[COUNTER_PROXY_HEADERS]);
    worker_take_back(client->worker, &client->in);
    if (header->source.kind == IP_PEER_UNKNOWN)
        return;
    client->peer = header->source;
    client->local = header->destination;
    client->trusted = origin_trusts(&client->entrance->config->origin, &client->peer);
}

/* Who connects and goes again without a word only looked whether anybody listens. */
static enum greeting on_end(struct client *client)
{
    if (buf_len(&client->in) > 0)
        refuse(client, "it ended within its PROXY header");
    return GREETING_FAILED;
}

/* What is looked at stays in the socket until it is known to belong to the header: what follows may
 * be for TLS, which reads the socket itself. */
enum greeting greeting_read(struct client *client)
{
    struct buf *in = &client->in;
    struct proxy_header header;
    size_t used = 0;
    while (used == 0) {
        worker_lend(client->worker, in);
        char *room = buf_reserve(in, PIECE);
        ssize_t got = conn_peek(&client->conn, room, PIECE);
        if (got == CONN_AGAIN)
            return GREETING_WAITS;
        if (got < 0)
            return on_end(client);
        const char *problem =
            proxy_header_read(&header, (unsigned)client->entrance->config->proxy_protocol,
                              buf_head(in), buf_len(in) + (size_t)got, &used);
        if (problem) {
            refuse(client, problem);
            return GREETING_FAILED;
        }
        size_t take = used > 0 ? used - buf_len(in) : (size_t)got;
        if (conn_read(&client->conn, room, take) != (ssize_t)take)
            return on_end(client);
        in->end += take;
    }
    take_over(client, &header);
    return GREETING_DONE;
}

void greeting_late(struct client *client)
{
    refuse(client, "its PROXY header did not come in time");
}
