/* SPDX-License-Identifier: MIT */
/* What each call of the API does. A proxy is a link, a toxic is a fault. */
#ifndef TAILGATE_CHAOS_API_TOXIPROXY_H
#define TAILGATE_CHAOS_API_TOXIPROXY_H

#include "chaos/api/toxic.h"
#include "chaos/link/link.h"

/* The version of Toxiproxy whose API this is: clients choose their calls by it. */
#define TOXIPROXY_VERSION "2.12.0"

struct api_call {
    struct links *links;
    char names[2][API_NAME]; /* of the proxy and the toxic in the path */
    const char *body;
    size_t body_length;
    /* The answer: */
    int status;
    cJSON *json;         /* NULL: no body. The caller deletes it. */
    struct buf *ignored; /* keys of the body that nobody knows are added to it (words.h) */
    struct api_error error;
};

/* False: the answer is the error. */
typedef bool toxiproxy_call(struct api_call *call);

toxiproxy_call toxiproxy_list, toxiproxy_create, toxiproxy_populate, toxiproxy_reset;
toxiproxy_call toxiproxy_show, toxiproxy_update, toxiproxy_delete;
toxiproxy_call toxiproxy_list_toxics, toxiproxy_create_toxic;
toxiproxy_call toxiproxy_show_toxic, toxiproxy_update_toxic, toxiproxy_delete_toxic;

#endif
