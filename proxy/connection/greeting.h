/* SPDX-License-Identifier: MIT */
/* The PROXY header in front of what a client sends, on listeners that ask for one. */
#ifndef TAILGATE_PROXY_CONNECTION_GREETING_H
#define TAILGATE_PROXY_CONNECTION_GREETING_H

#include "proxy/connection/client.h"

enum greeting {
    GREETING_DONE,  /* the client's peer and local end are what it says; nothing behind it was read
                     */
    GREETING_WAITS, /* more must arrive */
    GREETING_FAILED /* the connection is to be closed, without an answer */
};

enum greeting greeting_read(struct client *client);

/* It did not come in time. */
void greeting_late(struct client *client);

#endif
