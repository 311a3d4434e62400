/* SPDX-License-Identifier: MIT */
/* One look at what a name stands for: its addresses of the families asked for, or, for a service,
 * those of the servers that its SRV records name. For the main thread. */
#ifndef TAILGATE_PROXY_PROCESS_LOOKUP_H
#define TAILGATE_PROXY_PROCESS_LOOKUP_H

#include "proxy/config/config_resolver.h"
#include "proxy/process/targets.h"

struct lookup;

struct lookup_order {
    const char *host;
    bool service; /* SRV records are asked for */
    enum dns_family family;
    size_t limit; /* targets at most */
};

/* What was found, arranged; who is told may take the items and leave it empty. */
struct lookup_news {
    enum dns_result result;
    const char *of; /* not answered: the name that was asked for */
    struct targets targets;
    size_t cut;   /* targets above the limit */
    uint32_t ttl; /* s */
};

typedef void lookup_call(void *arg, struct lookup_news *news);

/* Keeps the lookup at `*slot` as long as it goes on; `call` is made once it has ended, perhaps
 * before this returns. */
void lookup_start(struct lookup **slot, struct resolver *resolver, const struct lookup_order *order,
                  lookup_call *call, void *arg);

/* Nobody is told any more. Empties the slot; harmless on an empty one. */
void lookup_abandon(struct lookup **slot);

#endif
