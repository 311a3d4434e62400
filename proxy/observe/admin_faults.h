/* SPDX-License-Identifier: MIT */
/* What the admin address does about faults:
 *     GET    /faults         all of them, with what they do now
 *     POST   /faults         adds one; 409 when there is one of its name
 *     DELETE /faults         removes all: off at once
 *     GET    /faults/NAME    one
 *     PUT    /faults/NAME    changes it, or adds it
 *     DELETE /faults/NAME    removes it
 * A fault is written as in the configuration. Whatever is refused changes nothing; each change is a
 * line of the log. When the configuration is read again its own faults are as it says, and those
 * that were added stay. */
#ifndef TAILGATE_PROXY_OBSERVE_ADMIN_FAULTS_H
#define TAILGATE_PROXY_OBSERVE_ADMIN_FAULTS_H

#include "lib/base/buf.h"
#include "lib/serve/serve.h"

struct proxy;

/* Whether a call is about faults. */
bool admin_faults_meant(struct http_span target);

struct admin_answer {
    int status;
    const char *allow; /* with 405: the methods that there are; else NULL */
    struct buf *text;  /* JSON, or nothing */
};

/* Does what is asked. `caller` names who asked, for the log. */
void admin_faults_call(struct proxy *proxy, const struct serve_request *request, const char *caller,
                       struct admin_answer *answer);

/* The JSON of an error, as the answers to these calls have it. */
void admin_faults_refuse(struct admin_answer *answer, int status, const char *text);

#endif
