/* SPDX-License-Identifier: MIT */
/* What each step of a handler does. */
#ifndef TAILGATE_BACKEND_STEPS_H
#define TAILGATE_BACKEND_STEPS_H

#include "backend/request.h"

enum step_outcome {
    STEP_DONE,  /* on to the next */
    STEP_WAITS, /* the request's state says what for */
    STEP_ENDS,  /* the handler ends here */
};

enum step_outcome steps_run(struct request *request, struct step *step) MUST_USE;

#endif
