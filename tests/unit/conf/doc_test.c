/* SPDX-License-Identifier: MIT */
/* Documents: where their items stand, also after the tree was changed; pointers; nearest names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/conf/sample.h"

static struct conf_doc *parse(const char *text)
{
    struct conf_doc *doc = NULL;
    struct error error;
    if (conf_doc_parse(&doc, "c.json", text, strlen(text), &error) != OK)
        fail_msg("%s", error.text);
    return doc;
}

static void assert_place(const struct conf_doc *doc, const cJSON *item, const char *place)
{
    struct error error;
    char expected[64];
    snprintf(expected, sizeof(expected), "c.json:%s: see 7", place);
    assert_int_equal(conf_error_at(doc, item, &error, "see %d", 7), FAILED_INPUT);
    assert_string_equal(error.text, expected);
}

static void items_have_places(void **state)
{
    struct conf_doc *doc = parse("{\n \"a\": [1, {\"b\": null}],\n \"c\": \"x\"\n}");
    cJSON *root = conf_doc_root(doc);
    assert_place(doc, root, "1:1");
    assert_place(doc, conf_pointer(root, "/a"), "2:7");
    assert_place(doc, conf_pointer(root, "/a/0"), "2:8");
    assert_place(doc, conf_pointer(root, "/a/1"), "2:11");
    assert_place(doc, conf_pointer(root, "/a/1/b"), "2:17");
    assert_place(doc, conf_pointer(root, "/c"), "3:7");
    conf_doc_free(&doc);
}

static void new_items_stand_where_their_parent_does(void **state)
{
    struct conf_doc *doc = parse("{\n \"a\": {}\n}");
    cJSON *root = conf_doc_root(doc);
    cJSON *added = cJSON_AddObjectToObject(conf_pointer(root, "/a"), "new");
    cJSON *inside = cJSON_AddNumberToObject(added, "x", 1);
    cJSON *stranger = cJSON_CreateNull();
    assert_place(doc, inside, "2:7");
    assert_place(doc, stranger, "1:1");
    assert_place(doc, NULL, "1:1");
    cJSON_Delete(stranger);
    conf_doc_free(&doc);
}

static void copies_stand_where_the_original_does(void **state)
{
    struct conf_doc *doc = parse("{\"base\": {\"x\": 1, \"y\": [2, 3]},\n"
                                 " \"values\": [{\"x\": 5, \"y\": [6]}]}");
    cJSON *root = conf_doc_root(doc);
    cJSON *value = conf_pointer(root, "/values/0");
    cJSON *copy = cJSON_Duplicate(value, true);
    cJSON_ReplaceItemInObjectCaseSensitive(root, "base", copy);
    conf_doc_alias(doc, copy, value);
    assert_place(doc, copy, "2:13");
    assert_place(doc, conf_pointer(root, "/base/x"), "2:19");
    assert_place(doc, conf_pointer(root, "/base/y/0"), "2:28");
    conf_doc_free(&doc);
}

/* What a copy has more, or in another order, still finds the nearest place. */
static void changed_copies_keep_what_places_they_can(void **state)
{
    struct conf_doc *doc = parse("{\"x\": 1,\n \"y\": 2}");
    cJSON *root = conf_doc_root(doc);
    cJSON *copy = cJSON_CreateObject();
    cJSON_AddNumberToObject(copy, "y", 2);
    cJSON_AddNumberToObject(copy, "z", 2);
    cJSON *twice = cJSON_Duplicate(copy, true);
    conf_doc_alias(doc, copy, root);
    conf_doc_alias(doc, twice, copy);
    assert_place(doc, conf_pointer(copy, "/y"), "2:7");
    assert_place(doc, conf_pointer(copy, "/z"), "1:1");
    assert_place(doc, conf_pointer(twice, "/y"), "2:7");
    cJSON_Delete(copy);
    cJSON_Delete(twice);
    conf_doc_free(&doc);
}

/* A value that came from nowhere is reported at the object that holds it. */
static void errors_in_substituted_values_have_places(void **state)
{
    struct conf_doc *doc = parse("{\n \"timeout\": {\"connect\": \"1s\"}}");
    cJSON *timeout = conf_pointer(conf_doc_root(doc), "/timeout");
    cJSON_ReplaceItemInObjectCaseSensitive(timeout, "connect", cJSON_CreateString("soon"));
    struct sample sample;
    struct arena arena = {0};
    struct error error;
    assert_int_equal(conf_read(doc, conf_doc_root(doc), &sample_table, &sample, &arena, &error),
                     FAILED_INPUT);
    assert_string_equal(error.text,
                        "c.json:2:13: \"connect\" is \"soon\", not a duration (expected a "
                        "number and ns, us, ms, s, m or h, for example \"250ms\")");
    arena_free(&arena);
    conf_doc_free(&doc);
}

static void items_of_defaults_have_places(void **state)
{
    struct sample_reading reading;
    static const char text[] = "\n {}";
    assert_int_equal(sample_begin(&reading, text, strlen(text)), OK);
    assert_place(reading.doc, conf_member(reading.sample.raw, "a"), "2:2");
    sample_end(&reading);
}

static void pointers_follow_rfc_6901(void **state)
{
    struct conf_doc *doc =
        parse("{\"foo\": [\"bar\", \"baz\"], \"\": 0, \"a/b\": 1, \"c%d\": 2,"
              " \"k\\\"l\": 6, \" \": 7, \"m~n\": 8, \"o\": {\"\": {\"0\": 9}}}");
    static const struct {
        const char *pointer;
        double value;
    } cases[] = {{"/", 0},  {"/a~1b", 1}, {"/c%d", 2}, {"/k\"l", 6},
                 {"/ ", 7}, {"/m~0n", 8}, {"/o//0", 9}};
    static const char *const nowhere[] = {
        "foo",    "/foo/2",  "/foo/-", "/foo/00", "/foo/01",
        "/foo/",  "/x",      "/a/b",   "/m~n",    "/m~2n",
        "/m~",    "/foo/0/", "/FOO",   "/a~1b/x", "/foo/9999999999",
        "/foo/ 1"};
    cJSON *root = conf_doc_root(doc);
    assert_ptr_equal(conf_pointer(root, ""), root);
    assert_string_equal(conf_pointer(root, "/foo/1")->valuestring, "baz");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_true(conf_pointer(root, cases[i].pointer)->valuedouble == cases[i].value);
    for (size_t i = 0; i < ARRAY_LEN(nowhere); i++)
        assert_null(conf_pointer(root, nowhere[i]));
    assert_null(conf_pointer(NULL, "/a"));
    conf_doc_free(&doc);
}

static void nearest_names_are_found(void **state)
{
    static const char *const names[] = {"address", "connections", "timeout", "on", "workers"};
    static const struct {
        const char *name, *nearest;
    } cases[] = {
        {"adress", "address"},   {"Address", "address"}, {"addresses", "address"},
        {"wrokers", "workers"},  {"worker", "workers"},  {"conections", "connections"},
        {"timeuot", "timeout"},  {"onn", "on"},          {"xyz", NULL},
        {"configuration", NULL}, {"time", NULL},         {"conn_ections", "connections"},
    };
    char endless[200];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *nearest = conf_nearest(cases[i].name, names, ARRAY_LEN(names));
        if (cases[i].nearest)
            assert_string_equal(nearest, cases[i].nearest);
        else
            assert_null(nearest);
    }
    memset(endless, 'a', sizeof(endless));
    endless[sizeof(endless) - 1] = '\0';
    assert_null(conf_nearest(endless, names, ARRAY_LEN(names)));
    assert_null(conf_nearest("a", names, 0));
}

/* Runs in a folder of its own. */
static int enter_folder(void **state)
{
    char folder[] = "/tmp/tailgate-conf-XXXXXX";
    if (!mkdtemp(folder) || chdir(folder) != 0)
        return -1;
    *state = strdup(folder);
    return 0;
}

static int leave_folder(void **state)
{
    unlink("c.json");
    int result = rmdir(*state);
    free(*state);
    return result;
}

static void assert_unreadable(const char *path, const char *message)
{
    struct conf_doc *doc = NULL;
    struct error error;
    assert_int_equal(conf_doc_read(&doc, path, &error), FAILED_INPUT);
    assert_null(doc);
    assert_string_equal(error.text, message);
}

static void files_are_read(void **state)
{
    struct conf_doc *doc = NULL;
    struct error error;
    assert_unreadable("none.json",
                      "none.json:1:1: cannot open none.json: No such file or directory "
                      "(expected a configuration file)");
    assert_unreadable(".", ".:1:1: cannot read .: Is a directory (expected a configuration file)");
    FILE *file = fopen("c.json", "w");
    assert_non_null(file);
    assert_int_equal(fflush(file), 0);
    assert_unreadable("c.json", "c.json:1:1: the file is empty (expected {...})");
    fputs("{\"a\": 1}", file);
    fclose(file);
    assert_int_equal(conf_doc_read(&doc, "c.json", &error), OK);
    assert_place(doc, conf_pointer(conf_doc_root(doc), "/a"), "1:7");
    conf_doc_free(&doc);
    conf_doc_free(&doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_have_places),
        cmocka_unit_test(new_items_stand_where_their_parent_does),
        cmocka_unit_test(copies_stand_where_the_original_does),
        cmocka_unit_test(changed_copies_keep_what_places_they_can),
        cmocka_unit_test(errors_in_substituted_values_have_places),
        cmocka_unit_test(items_of_defaults_have_places),
        cmocka_unit_test(pointers_follow_rfc_6901),
        cmocka_unit_test(nearest_names_are_found),
        cmocka_unit_test_setup_teardown(files_are_read, enter_folder, leave_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
