/* SPDX-License-Identifier: MIT */
/* An experiment to begin with, and parts of its text that a test replaces. */
#ifndef TAILGATE_TESTS_UNIT_LAB_SAMPLE_H
#define TAILGATE_TESTS_UNIT_LAB_SAMPLE_H

/* The experiment's text with each `parts[i]` (NULL-ended pairs of old and new) replaced; free it.
 * Fails the test when an old part is not in the text. */
char *sample_text(const char *const *parts);

#endif
