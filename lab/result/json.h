/* SPDX-License-Identifier: MIT */
/* Reading what summary.json and other results hold; what is not there is nothing, and no error. */
#ifndef TAILGATE_LAB_RESULT_JSON_H
#define TAILGATE_LAB_RESULT_JSON_H

struct cJSON;

/* NULL when there is none. */
const struct cJSON *json_member(const struct cJSON *object, const char *key);

/* An item's number, or 0; an item's text, or "", which lives as long as the item. */
double json_number_of(const struct cJSON *item);
const char *json_text_of(const struct cJSON *item);

/* The same of a member. */
double json_number(const struct cJSON *object, const char *key);
const char *json_text(const struct cJSON *object, const char *key);

#endif
