/* SPDX-License-Identifier: MIT */
#include "proxy/connection/announce.h"

#include <errno.h>

#include "lib/net/proxy_header.h"
#include "proxy/connection/client.h"

/* The end of the client's connection that the client knows. */
static struct ip_peer local_end(const struct client *client)
{
    struct address address;
    if (client->local.kind != IP_PEER_UNKNOWN || !address_of_socket(&address, client->conn.fd))
        return client->local;
    return address_peer(&address);
}

static int send_header(struct conn *conn, const char *header, size_t length)
{
    ssize_t put = conn_write(conn, header, length);
    if (put == (ssize_t)length)
        return 0;
    return put == CONN_FAILED ? errno : EAGAIN; /* a new socket has room for more than this */
}

int announce_client(struct uplink *uplink)
{
    enum proxy_header_version version =
        (enum proxy_header_version)uplink->upstream->config->proxy_protocol;
    char header[PROXY_HEADER_WRITTEN];
    const struct ip_peer local = local_end(uplink->client);
    size_t length = proxy_header_write(header, version, &uplink->client->peer, &local);
    return send_header(&uplink->conn, header, length);
}

int announce_own(struct conn *conn, const struct upstream_config *config)
{
    char header[PROXY_HEADER_WRITTEN];
    if (!config->proxy_protocol)
        return 0;
    size_t length =
        proxy_header_write_own(header, (enum proxy_header_version)config->proxy_protocol);
    return send_header(conn, header, length);
}
