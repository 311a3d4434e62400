/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "tests/unit/record/support.h"

const char *const fixture_names[3] = {"/", "orders", "a \"quoted\", \\name\\"};

int fixture_setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/tailgate-record-XXXXXX");
    if (!mkdtemp(fixture->folder))
        return -1;
    fixture->log_file = tmpfile();
    if (!fixture->log_file)
        return -1;
    log_init(&fixture->log, "test", LOG_DEBUG);
    fixture->log.fd = fileno(fixture->log_file);
    *state = fixture;
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;
    char path[512];
    record_store_close(&fixture->store);
    while (fixture_files(fixture, "", path))
        if (unlink(path) < 0)
            return -1;
    rmdir(fixture->folder);
    fclose(fixture->log_file);
    free(fixture);
    return 0;
}

void fixture_open(struct fixture *fixture, struct record_settings settings)
{
    struct error error = {""};
    settings.folder = fixture->folder;
    settings.process = "gateway";
    settings.names = fixture_names;
    settings.name_count = ARRAY_LEN(fixture_names);
    settings.log = &fixture->log;
    enum result result = record_store_open(&fixture->store, &settings, &error);
    assert_string_equal(error.text, "");
    assert_int_equal(result, OK);
}

struct record_writer *fixture_writer(struct fixture *fixture, uint16_t number)
{
    struct error error = {""};
    struct record_writer *writer = NULL;
    enum result result = record_writer_open(&writer, fixture->store, number, &error);
    assert_string_equal(error.text, "");
    assert_int_equal(result, OK);
    return writer;
}

unsigned fixture_logged(const struct fixture *fixture, const char *text)
{
    char line[2048];
    unsigned count = 0;
    FILE *file = fixture->log_file;
    rewind(file);
    while (fgets(line, sizeof(line), file))
        count += strstr(line, text) != NULL;
    fseek(file, 0, SEEK_END);
    return count;
}

unsigned fixture_files(const struct fixture *fixture, const char *suffix, char path[512])
{
    DIR *dir = opendir(fixture->folder);
    assert_non_null(dir);
    unsigned count = 0;
    struct dirent *entry;
    while ((entry = readdir(dir))) {
        size_t length = strlen(entry->d_name), tail = strlen(suffix);
        if (entry->d_name[0] == '.' || length < tail ||
            strcmp(entry->d_name + length - tail, suffix) != 0)
            continue;
        count++;
        if (path)
            snprintf(path, 512, "%s/%s", fixture->folder, entry->d_name);
    }
    closedir(dir);
    return count;
}

bool append_client(struct record_writer *writer, uint64_t ordinal)
{
    struct client_record record = {
        .ordinal = ordinal, .status = 200, .intended = (int64_t)ordinal + 1, .path = "/orders"};
    return RECORD_APPEND(writer, CLIENT, client, &record);
}

static enum result count_record(void *context, const struct record_source *source,
                                enum record_kind kind, const void *record, struct error *error)
{
    struct tally *tally = context;
    const struct client_record *client = record;
    assert_int_equal(kind, RECORD_KIND_CLIENT);
    assert_in_range(source->writer, 0, ARRAY_LEN(tally->next) - 1);
    uint64_t *next = &tally->next[source->writer];
    assert_true(client->ordinal >= *next);
    tally->gapless &= client->ordinal == *next;
    assert_int_equal(client->intended, client->ordinal + 1);
    assert_string_equal(client->path, "/orders");
    *next = client->ordinal + 1;
    tally->records++;
    (void)error;
    return OK;
}

void fixture_read(const struct fixture *fixture, struct tally *tally)
{
    struct error error = {""};
    *tally = (struct tally){.gapless = true};
    enum result result =
        record_read_folder(fixture->folder, count_record, tally, &tally->dropped, &error);
    assert_string_equal(error.text, "");
    assert_int_equal(result, OK);
}

void wait_until(bool (*condition)(void *context), void *context)
{
    mono end = mono_add(mono_now(), duration_s(20));
    while (!condition(context)) {
        assert_true(mono_before(mono_now(), end));
        usleep(1000);
    }
}
