/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "lab/plan/paths.h"

static void assert_beside(const char *experiment, const char *path, const char *wanted)
{
    char *found = path_beside(experiment, path);
    assert_string_equal(found, wanted);
    free(found);
}

static void paths_are_beside_the_experiment(void **state)
{
    (void)state;
    assert_beside("a/b/x.json", "service/serve", "a/b/service/serve");
    assert_beside("x.json", "service/serve", "service/serve");
    assert_beside("a/x.json", "/bin/true", "/bin/true");
}

static const cJSON *at(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static void paths_are_made_absolute(void **state)
{
    (void)state;
    cJSON *item = cJSON_Parse("{\"a\": {\"io\": {\"replay\": \"io.csv\"}}, \"template\": \"/t\","
                              " \"name\": \"replay\", \"command\": [\"./serve\", \"./x\"],"
                              " \"b\": {\"command\": [\"nginx\"]}, \"replay\": {\"c\": 1}}");
    paths_make_absolute(item, "/usr/./x.json");
    const cJSON *a = at(at(at(item, "a"), "io"), "replay");
    assert_string_equal(a->valuestring, "/usr/io.csv");
    assert_string_equal(at(item, "template")->valuestring, "/t");
    assert_string_equal(at(item, "name")->valuestring, "replay");
    assert_string_equal(cJSON_GetArrayItem(at(item, "command"), 0)->valuestring, "/usr/./serve");
    assert_string_equal(cJSON_GetArrayItem(at(item, "command"), 1)->valuestring, "./x");
    assert_string_equal(cJSON_GetArrayItem(at(at(item, "b"), "command"), 0)->valuestring, "nginx");
    cJSON_Delete(item);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_beside_the_experiment),
        cmocka_unit_test(paths_are_made_absolute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
