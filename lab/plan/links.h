/* SPDX-License-Identifier: MIT */
/* The links of an experiment: one `tailgate chaos` process, with a link before each instance that a
 * fault on bytes, connections or messages is aimed at. The gateway's endpoints for such an instance
 * lead to its link. */
#ifndef TAILGATE_LAB_PLAN_LINKS_H
#define TAILGATE_LAB_PLAN_LINKS_H

#include "lab/plan/endpoints.h"
#include "lab/plan/variant.h"

#define LINKS_PROCESS "links"

/* The configuration of the process, valid but for where its links lead to (they have the names of
 * the instances); or NULL when there is no fault for a link. It belongs to the variant. */
struct cJSON *links_make(struct variant *variant);

/* Checks what links_make has made; messages have the places of the faults. */
enum result links_check(const struct variant *variant, const struct cJSON *links,
                        struct error *error) MUST_USE;

/* Lets every link lead to the address of its instance. */
void links_connect(struct cJSON *links, const struct endpoint_book *book);

/* Puts the links' own addresses in place of those of their instances. `addresses` is what the
 * process said when it was ready: the API's, and one for each link, with blanks between. */
void links_take_place(const struct cJSON *links, const char *addresses,
                      struct endpoint_address *book, size_t count);

#endif
