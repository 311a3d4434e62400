/* SPDX-License-Identifier: MIT */
/* Distributions that are objects: quantiles, and files to replay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/conf/sample.h"

static int enter_folder(void **state)
{
    char folder[] = "/tmp/tailgate-conf-XXXXXX";
    if (!mkdtemp(folder) || chdir(folder) != 0)
        return -1;
    *state = strdup(folder);
    return mkdir("sub", 0700);
}

static int leave_folder(void **state)
{
    unlink("sub/values.csv");
    unlink("sub/pipe");
    rmdir("sub");
    int result = rmdir(*state);
    free(*state);
    return result;
}

static void write_values(const char *text, size_t length)
{
    FILE *file = fopen("sub/values.csv", "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

struct reading {
    struct conf_doc *doc;
    struct arena arena;
    struct sample sample;
    struct error error;
};

/* Reads a configuration in the folder "sub", which replays what `path` names. */
static enum result begin_replay(struct reading *reading, const char *path)
{
    char text[256];
    *reading = (struct reading){0};
    int length = snprintf(text, sizeof(text), "{\n \"delay\": {\"replay\": \"%s\"}}", path);
    assert_int_equal(
        conf_doc_parse(&reading->doc, "sub/c.json", text, (size_t)length, &reading->error), OK);
    return conf_read(reading->doc, conf_doc_root(reading->doc), &sample_table, &reading->sample,
                     &reading->arena, &reading->error);
}

static void end_replay(struct reading *reading)
{
    conf_doc_free(&reading->doc);
    arena_free(&reading->arena);
}

static void assert_refused(const char *path, const char *message)
{
    struct reading reading;
    assert_int_equal(begin_replay(&reading, path), FAILED_INPUT);
    assert_string_equal(reading.error.text, message);
    end_replay(&reading);
}

static void quantiles_are_sorted(void **state)
{
    struct sample_reading reading;
    static const char text[] =
        "{\"delay\": {\"quantiles\": {\"p99.9\": \"300ms\", \"p50\": \"2ms\", \"p99\": \"40ms\"}}}";
    assert_int_equal(sample_begin(&reading, text, strlen(text)), OK);
    const struct dist *delay = &reading.sample.delay;
    assert_int_equal(delay->kind, DIST_QUANTILES);
    assert_int_equal(delay->point_count, 3);
    assert_true(delay->points[0].share == 0.5);
    assert_int_equal(delay->points[0].value.ns, 2 * NS_PER_MS);
    assert_int_equal(delay->points[1].value.ns, 40 * NS_PER_MS);
    assert_true(delay->points[2].share > 0.99899 && delay->points[2].share < 0.99901);
    sample_end(&reading);
}

static void files_are_replayed(void **state)
{
    static const char text[] = "# latency, status\n2ms, 200\r\n\n  1.5 # a comment\n\t80us\n0,x\n3";
    static const int64_t expected[] = {2000000, 1500000, 80000, 0, 3000000};
    struct reading reading;
    write_values(text, strlen(text));
    if (begin_replay(&reading, "values.csv") != OK)
        fail_msg("%s", reading.error.text);
    const struct dist *delay = &reading.sample.delay;
    assert_int_equal(delay->kind, DIST_REPLAY);
    assert_int_equal(delay->point_count, ARRAY_LEN(expected));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        assert_int_equal(delay->points[i].value.ns, expected[i]);
    end_replay(&reading);
}

static void absolute_paths_stay_absolute(void **state)
{
    struct reading reading;
    char path[128];
    const char *folder = *state;
    write_values("1\n", 2);
    snprintf(path, sizeof(path), "%s/sub/values.csv", folder);
    assert_int_equal(begin_replay(&reading, path), OK);
    assert_int_equal(reading.sample.delay.point_count, 1);
    end_replay(&reading);
}

#define BAD_VALUE                                                                        \
    "this is not a value to replay (expected a duration such as \"2ms\" or a number of " \
    "milliseconds; replayed by sub/c.json:2:22)"

static void bad_values_name_the_file_and_line(void **state)
{
    static const struct {
        const char *text;
        size_t length;
        const char *message;
    } cases[] = {
        {"1\n  fast\n", 9, "sub/values.csv:2:3: " BAD_VALUE},
        {"1\n\n-2\n", 6, "sub/values.csv:3:1: " BAD_VALUE},
        {",5\n", 3, "sub/values.csv:1:1: " BAD_VALUE},
        {"1e3", 3, "sub/values.csv:1:1: " BAD_VALUE},
        {"2ms 3ms", 7, "sub/values.csv:1:1: " BAD_VALUE},
        {"2ms\0\n", 5, "sub/values.csv:1:1: " BAD_VALUE},
        {"\xff\x1b\n", 3, "sub/values.csv:1:1: " BAD_VALUE},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        write_values(cases[i].text, cases[i].length);
        assert_refused("values.csv", cases[i].message);
    }
}

static void what_is_no_file_of_values_is_refused(void **state)
{
    write_values("# nothing\n\n", 11);
    assert_refused(
        "values.csv",
        "sub/c.json:2:22: \"sub/values.csv\" has no value to replay (expected one a line)");
    assert_refused("none.csv", "sub/c.json:2:22: cannot replay \"sub/none.csv\": No such file or "
                               "directory (expected a file beside the configuration)");
    assert_refused("", "sub/c.json:2:22: \"replay\" is empty (expected text in double quotes)");
    assert_refused(".",
                   "sub/c.json:2:22: cannot replay \"sub/.\" (expected a plain file of at most "
                   "16MiB)");
    assert_int_equal(mkfifo("sub/pipe", 0600), 0);
    assert_refused("pipe",
                   "sub/c.json:2:22: cannot replay \"sub/pipe\" (expected a plain file of at "
                   "most 16MiB)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_are_sorted),
        cmocka_unit_test_setup_teardown(files_are_replayed, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(absolute_paths_stay_absolute, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(bad_values_name_the_file_and_line, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(what_is_no_file_of_values_is_refused, enter_folder,
                                        leave_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
