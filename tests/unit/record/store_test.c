/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/record/support.h"

#define SMALL_SEGMENT 8192

static void nothing_is_recorded_without_a_writer(void **state)
{
    struct request_record record = {0};
    assert_false(RECORD_APPEND(NULL, REQUEST, request, &record));
    struct record_store *none = NULL;
    record_store_close(&none);
}

static void records_come_back_in_order_over_many_segments(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture, (struct record_settings){.segment_size = SMALL_SEGMENT});
    struct record_writer *writer = fixture_writer(fixture, 0);
    for (uint64_t i = 0; i < 5000; i++)
        assert_true(append_client(writer, i));
    assert_int_equal(record_store_written(fixture->store), 5000);
    record_store_close(&fixture->store);

    struct tally tally;
    fixture_read(fixture, &tally);
    assert_int_equal(tally.records, 5000);
    assert_true(tally.gapless);
    assert_int_equal(tally.dropped, 0);
    assert_true(fixture_files(fixture, ".seg", NULL) > 100);
    assert_int_equal(fixture_logged(fixture, ""), 0);
}

static bool has_spare(void *context)
{
    return fixture_files(context, ".seg", NULL) == 2;
}

static void closing_gives_unused_space_back(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture, (struct record_settings){0});
    append_client(fixture_writer(fixture, 0), 0);
    wait_until(has_spare, fixture);
    record_store_close(&fixture->store);

    char path[512];
    struct stat st;
    assert_int_equal(fixture_files(fixture, "", path), 1);
    assert_int_equal(fixture_files(fixture, "-0-0.seg", NULL), 1);
    assert_int_equal(stat(path, &st), 0);
    assert_in_range(st.st_size, 1, 4096);
}

static void two_stores_of_a_process_do_not_meet(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t round = 0; round < 3; round++) {
        fixture_open(fixture, (struct record_settings){.segment_size = SMALL_SEGMENT});
        struct record_writer *writer = fixture_writer(fixture, 0);
        for (uint64_t i = 0; i < 100; i++)
            assert_true(append_client(writer, round * 100 + i));
        record_store_close(&fixture->store);
    }
    struct tally tally;
    fixture_read(fixture, &tally);
    assert_int_equal(tally.records, 300);
    assert_true(tally.gapless);
}

/* ---- threads */

#define PER_THREAD 20000

static void *append_many(void *context)
{
    struct record_writer *writer = context;
    for (uint64_t i = 0; i < PER_THREAD; i++)
        append_client(writer, i);
    return NULL;
}

static void writers_in_threads_lose_and_mix_nothing(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[3];
    fixture_open(fixture, (struct record_settings){.segment_size = 16 * SMALL_SEGMENT});
    for (uint16_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, append_many, fixture_writer(fixture, i)),
                         0);
    /* The totals and the segments may be looked at meanwhile. */
    struct tally tally;
    while (record_store_written(fixture->store) < PER_THREAD)
        fixture_read(fixture, &tally);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(record_store_written(fixture->store), PER_THREAD * ARRAY_LEN(threads));
    assert_int_equal(record_store_dropped(fixture->store), 0);
    record_store_close(&fixture->store);

    fixture_read(fixture, &tally);
    assert_int_equal(tally.records, PER_THREAD * ARRAY_LEN(threads));
    assert_true(tally.gapless);
}

/* ---- dropping */

static void the_limit_drops_and_counts(void **state)
{
    struct fixture *fixture = *state;
    uint64_t limit = 10 * SMALL_SEGMENT;
    fixture_open(fixture, (struct record_settings){.segment_size = SMALL_SEGMENT, .limit = limit});
    struct record_writer *writer = fixture_writer(fixture, 0);
    uint64_t written = 0;
    for (uint64_t i = 0; i < 5000; i++)
        written += append_client(writer, i);
    assert_true(written > 100);
    assert_true(written < 5000);
    assert_int_equal(record_store_written(fixture->store), written);
    assert_int_equal(record_store_dropped(fixture->store), 5000 - written);
    assert_true(fixture_logged(fixture, "drops records from now on") >= 1);
    assert_true(fixture_files(fixture, ".seg", NULL) <= 10);
    record_store_close(&fixture->store);
    assert_int_equal(fixture_logged(fixture, "records were dropped, "), 1);

    struct tally tally;
    fixture_read(fixture, &tally);
    assert_int_equal(tally.records, written);
    assert_int_equal(tally.dropped, 5000 - written);
}

static void a_limit_below_one_segment_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    struct record_settings settings = {
        .folder = fixture->folder, .process = "p", .limit = 1000, .log = &fixture->log};
    struct record_store *store = NULL;
    assert_int_equal(record_store_open(&store, &settings, &error), FAILED_SYSTEM);
    assert_non_null(strstr(error.text, "limit"));
    assert_non_null(strstr(error.text, fixture->folder));
    assert_null(store);
    assert_int_equal(fixture_files(fixture, "", NULL), 0);
}

static void a_small_limit_makes_small_segments(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture, (struct record_settings){.limit = 1 << 20});
    for (uint16_t i = 0; i < 4; i++)
        assert_true(append_client(fixture_writer(fixture, i), 0));
}

struct resuming {
    struct record_writer *writer;
    uint64_t ordinal;
};

static bool is_recorded_again(void *context)
{
    struct resuming *resuming = context;
    return append_client(resuming->writer, resuming->ordinal++);
}

/* A limit on file sizes stands for a disk that fills up and is cleared. */
static void recording_resumes_when_there_is_room_again(void **state)
{
    struct fixture *fixture = *state;
    struct rlimit before, none;
    fixture_open(fixture, (struct record_settings){.segment_size = SMALL_SEGMENT});
    struct resuming resuming = {.writer = fixture_writer(fixture, 0)};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    none = (struct rlimit){.rlim_cur = 100, .rlim_max = before.rlim_max};
    int sink = open("/dev/null", O_WRONLY | O_CLOEXEC); /* the log is a file as well */
    int log_fd = fixture->log.fd;
    fixture->log.fd = sink;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    uint64_t lost = 0;
    while (lost < 1000)
        lost += !is_recorded_again(&resuming);
    assert_int_equal(record_store_dropped(fixture->store), lost);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    fixture->log.fd = log_fd;
    close(sink);

    wait_until(is_recorded_again, &resuming);
    assert_int_equal(fixture_logged(fixture, "records again"), 1);
    uint64_t dropped = record_store_dropped(fixture->store);
    assert_true(dropped >= lost);
    assert_int_equal(record_store_written(fixture->store) + dropped, resuming.ordinal);

    struct tally tally;
    record_store_close(&fixture->store);
    fixture_read(fixture, &tally);
    assert_int_equal(tally.dropped, dropped);
    assert_int_equal(tally.records + dropped, resuming.ordinal);
    assert_false(tally.gapless);
}

/* The store's thread tries again every now and then. */
static bool has_nothing_half_made(void *context)
{
    return fixture_files(context, ".new", NULL) == 0;
}

static void a_full_disk_drops_and_kills_nothing(void **state)
{
    struct fixture *fixture = *state;
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", fixture->folder, "tmpfs", 0, "size=256k") < 0)
        skip();
    fixture_open(fixture, (struct record_settings){.segment_size = 8 * SMALL_SEGMENT});
    struct record_writer *writer = fixture_writer(fixture, 0);
    uint64_t written = 0;
    for (uint64_t i = 0; i < 5000; i++)
        written += append_client(writer, i);
    assert_true(written > 100);
    assert_int_equal(record_store_dropped(fixture->store), 5000 - written);
    assert_true(fixture_logged(fixture, strerror(ENOSPC)) >= 1);
    wait_until(has_nothing_half_made, fixture);

    /* The first segment of another store does not fit either: that is an error. */
    struct error error;
    struct record_store *second = NULL;
    struct record_settings settings = {
        .folder = fixture->folder, .process = "second", .log = &fixture->log};
    assert_int_equal(record_store_open(&second, &settings, &error), FAILED_SYSTEM);
    assert_non_null(strstr(error.text, strerror(ENOSPC)));
    assert_non_null(strstr(error.text, fixture->folder));

    struct tally tally;
    record_store_close(&fixture->store);
    fixture_read(fixture, &tally);
    assert_int_equal(tally.records, written);
    assert_int_equal(tally.dropped, 5000 - written);
    assert_int_equal(umount2(fixture->folder, MNT_DETACH), 0);
}

/* ---- death */

static bool has_committed(void *context)
{
    return atomic_load((_Atomic uint64_t *)context) > 3000;
}

/* For the child, where no assertion may return to the tests. */
static _Noreturn void append_for_ever(struct fixture *fixture, _Atomic uint64_t *committed)
{
    struct error error;
    struct record_writer *writer;
    struct record_settings settings = {.folder = fixture->folder,
                                       .process = "gateway",
                                       .segment_size = 16 * SMALL_SEGMENT,
                                       .log = &fixture->log};
    if (record_store_open(&fixture->store, &settings, &error) != OK ||
        record_writer_open(&writer, fixture->store, 0, &error) != OK)
        _exit(1);
    for (uint64_t i = 0;; i++)
        if (append_client(writer, i))
            atomic_store(committed, i + 1);
}

static void what_was_committed_survives_a_kill(void **state)
{
    struct fixture *fixture = *state;
    _Atomic uint64_t *committed =
        mmap(NULL, sizeof(*committed), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(committed != MAP_FAILED);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        append_for_ever(fixture, committed);
    wait_until(has_committed, committed);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);

    struct tally tally;
    fixture_read(fixture, &tally);
    assert_in_range(tally.records, atomic_load(committed), atomic_load(committed) + 1);
    assert_true(tally.gapless);
    munmap(committed, sizeof(*committed));
}

static void nothing_is_left_open_over_exec(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture, (struct record_settings){0});
    append_client(fixture_writer(fixture, 0), 0);
    for (int fd = 3; fd < 256; fd++) {
        char link[64], target[512];
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        ssize_t n = readlink(link, target, sizeof(target) - 1);
        if (n < 0)
            continue;
        target[n] = '\0';
        if (strstr(target, fixture->folder) || strstr(target, "eventfd"))
            assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    }
}

/* ---- settings */

/* What a visit finds out: whether each record's name is the one its ordinal stands for. */
struct naming {
    const char *names[5];
    unsigned right, wrong;
};

static enum result check_name(void *context, const struct record_source *source,
                              enum record_kind kind, const void *record, struct error *error)
{
    struct naming *naming = context;
    const struct state_record *row = record;
    const char *name = record_name(source, row->subject);
    if (name && strcmp(name, naming->names[row->value]) == 0)
        naming->right++;
    else
        naming->wrong++;
    return OK;
}

static void append_named(struct record_writer *writer, uint16_t name)
{
    const struct state_record row = {.subject = name, .value = name};
    assert_true(RECORD_APPEND(writer, STATE, state, &row));
}

static void names_may_be_added_while_it_records(void **state)
{
    static const char *const more[] = {"returns", "stock"};
    struct fixture *fixture = *state;
    struct naming naming = {
        .names = {fixture_names[0], fixture_names[1], fixture_names[2], more[0], more[1]}};
    struct error error;
    uint64_t dropped = 0;
    fixture_open(fixture, (struct record_settings){.segment_size = SMALL_SEGMENT});
    struct record_writer *writer = fixture_writer(fixture, 0);
    append_named(writer, 2);
    record_writer_renew(writer); /* nothing new */
    append_named(writer, 1);
    assert_int_equal(record_store_add_names(fixture->store, more, 2, &error), OK);
    record_writer_renew(writer);
    for (uint16_t i = 0; i < 1000; i++)
        append_named(writer, i % 5);
    record_writer_renew(NULL);
    record_store_close(&fixture->store);
    assert_int_equal(record_read_folder(fixture->folder, check_name, &naming, &dropped, &error),
                     OK);
    assert_int_equal(naming.right, 1002);
    assert_int_equal(naming.wrong, 0);
    assert_int_equal(dropped, 0);
}

static void too_many_names_are_refused_and_those_there_stay(void **state)
{
    static char long_name[9 << 20];
    struct fixture *fixture = *state;
    struct error error;
    memset(long_name, 'x', sizeof(long_name) - 1);
    fixture_open(fixture, (struct record_settings){0});
    const char *names[] = {long_name};
    assert_int_equal(record_store_add_names(fixture->store, names, 1, &error), FAILED_INPUT);
    assert_non_null(strstr(error.text, "too many"));
    assert_int_equal(record_store_add_names(fixture->store, NULL, NAME_NONE, &error), FAILED_INPUT);
    names[0] = "short";
    assert_int_equal(record_store_add_names(fixture->store, names, 1, &error), OK);
}

static void expect_refusal(struct fixture *fixture, struct record_settings settings,
                           enum result expected, const char *text)
{
    struct error error = {""};
    struct record_store *store = NULL;
    settings.log = &fixture->log;
    if (!settings.folder)
        settings.folder = fixture->folder;
    assert_int_equal(record_store_open(&store, &settings, &error), expected);
    assert_null(store);
    if (!strstr(error.text, text))
        fail_msg("\"%s\" does not say \"%s\"", error.text, text);
}

static void impossible_settings_are_refused(void **state)
{
    struct fixture *fixture = *state;
    char long_name[100] = {0};
    memset(long_name, 'x', sizeof(long_name) - 1);
    expect_refusal(fixture, (struct record_settings){.process = ""}, FAILED_INPUT, "\"\"");
    expect_refusal(fixture, (struct record_settings){.process = "a/b"}, FAILED_INPUT, "a/b");
    expect_refusal(fixture, (struct record_settings){.process = long_name}, FAILED_INPUT, "xxx");
    expect_refusal(fixture, (struct record_settings){.process = "p", .name_count = NAME_NONE},
                   FAILED_INPUT, "names");
    expect_refusal(fixture,
                   (struct record_settings){.process = "p", .folder = "/nonexistent/records"},
                   FAILED_SYSTEM, "/nonexistent/records");
    expect_refusal(fixture, (struct record_settings){.process = "p", .folder = "/dev/null"},
                   FAILED_SYSTEM, "/dev/null");
}

static void a_missing_folder_is_made(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(rmdir(fixture->folder), 0);
    fixture_open(fixture, (struct record_settings){0});
    assert_int_equal(access(fixture->folder, W_OK), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_recorded_without_a_writer),
        TEST(records_come_back_in_order_over_many_segments),
        TEST(closing_gives_unused_space_back),
        TEST(two_stores_of_a_process_do_not_meet),
        TEST(writers_in_threads_lose_and_mix_nothing),
        TEST(the_limit_drops_and_counts),
        TEST(a_limit_below_one_segment_is_an_error),
        TEST(a_small_limit_makes_small_segments),
        TEST(recording_resumes_when_there_is_room_again),
        TEST(what_was_committed_survives_a_kill),
        TEST(nothing_is_left_open_over_exec),
        TEST(names_may_be_added_while_it_records),
        TEST(too_many_names_are_refused_and_those_there_stay),
        TEST(impossible_settings_are_refused),
        TEST(a_missing_folder_is_made),
        TEST(a_full_disk_drops_and_kills_nothing),
    };
    return cmocka_run_group_tests_name("record/store", tests, NULL, NULL);
}
