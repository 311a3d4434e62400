/* SPDX-License-Identifier: MIT */
/* Endpoints of the gateway's upstreams that say "@orders" or "@orders/0": placeholders for backends
 * that get their addresses when they run. */
#ifndef TAILGATE_LAB_PLAN_ENDPOINTS_H
#define TAILGATE_LAB_PLAN_ENDPOINTS_H

#include "lab/plan/experiment.h"
#include "lib/net/address.h"

#define ENDPOINT_GROUP   64
#define ENDPOINT_PROCESS (ENDPOINT_GROUP + 24)

struct endpoint_address {
    char process[ENDPOINT_PROCESS]; /* "orders-0" */
    char address[ADDRESS_TEXT];
};

struct endpoint_book {
    const struct endpoint_address *items;
    size_t count;
};

/* Addresses for all instances that are well formed and differ, to check a gateway with before any
 * of them runs. Free with endpoint_book_free. */
struct endpoint_book endpoint_book_of_stand_ins(const struct experiment *experiment);
void endpoint_book_free(struct endpoint_book *book);

/* The address of a process; "" when it is not in the book. */
const char *endpoint_address_of(const struct endpoint_book *book, const char *process);

/* "orders", 0 -> "orders-0" */
void endpoint_process_name(char *out, size_t size, const char *group, int64_t instance);

/* Whether an endpoint of a gateway whose placeholders still stand leads to that instance of a group
 * (-1: to any). */
bool endpoints_lead_to(const struct cJSON *gateway, const char *group, int64_t instance);

/* Puts the addresses of the book into every upstream of `gateway`, and into what its faults match;
 * an "@orders" becomes one endpoint for each instance. What is replaced goes into the list
 * `detached`. With a document, the new endpoints have the places of their placeholders. Fails at a
 * placeholder that names no backend. What else may be wrong with the configuration is left to its
 * table. */
enum result endpoints_expand(struct cJSON *gateway, const struct experiment *experiment,
                             const struct endpoint_book *book, struct conf_doc *doc,
                             struct cJSON *detached, struct error *error) MUST_USE;

#endif
