/* SPDX-License-Identifier: MIT */
/* What the tests of records share: a folder of their own, a store in it, a log that is kept. */
#ifndef TAILGATE_TESTS_UNIT_RECORD_SUPPORT_H
#define TAILGATE_TESTS_UNIT_RECORD_SUPPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/base/log.h"
#include "lib/record/reader.h"
#include "lib/record/store.h"

struct fixture {
    char folder[64]; /* exists and is empty; removed with all files in it */
    struct log log;
    FILE *log_file;
    struct record_store *store;
};

/* For cmocka_unit_test_setup_teardown; *state is the fixture. The teardown closes the store. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Opens the fixture's store as process "gateway" with the names "/", "orders" and one that needs
 * quoting; the settings' other fields are the caller's. */
void fixture_open(struct fixture *fixture, struct record_settings settings);
struct record_writer *fixture_writer(struct fixture *fixture, uint16_t number);

extern const char *const fixture_names[3];

/* How often the log says this so far. */
unsigned fixture_logged(const struct fixture *fixture, const char *text);

/* Files in the folder whose names end in `suffix`; the last one's path goes to `path` unless it is
 * NULL. */
unsigned fixture_files(const struct fixture *fixture, const char *suffix, char path[512]);

/* Appends a client record with this ordinal; whether it was recorded. */
bool append_client(struct record_writer *writer, uint64_t ordinal);

/* Counts client records and checks that each writer's ordinals rise, without a gap when none was
 * dropped. */
struct tally {
    uint64_t records, dropped;
    uint64_t next[8]; /* by writer: the ordinal after the last one seen */
    bool gapless;
};
void fixture_read(const struct fixture *fixture, struct tally *tally);

/* Waits until the condition holds and fails the test when it does not within 20 s. */
void wait_until(bool (*condition)(void *context), void *context);

#endif
