/* SPDX-License-Identifier: MIT */
/* The schema and the manual say what the tables say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/conf/sample.h"

static char *written(void (*write)(FILE *out, const struct conf_table *table))
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    write(out, &sample_table);
    assert_int_equal(fclose(out), 0);
    return text;
}

static cJSON *schema(void)
{
    char *text = written(conf_write_schema);
    cJSON *tree = cJSON_ParseWithOpts(text, NULL, true);
    assert_non_null(tree);
    free(text);
    return tree;
}

/* Each reference leads to a definition. */
static void check_references(cJSON *root, const cJSON *tree, size_t *count)
{
    for (const cJSON *child = tree->child; child; child = child->next) {
        if (child->string && strcmp(child->string, "$ref") == 0) {
            assert_int_equal(child->valuestring[0], '#');
            assert_non_null(conf_pointer(root, child->valuestring + 1));
            ++*count;
        }
        check_references(root, child, count);
    }
}

static void references_lead_somewhere(void **state)
{
    cJSON *root = schema();
    size_t count = 0;
    check_references(root, root, &count);
    assert_true(count >= 8);
    assert_string_equal(conf_pointer(root, "/$schema")->valuestring,
                        "https://json-schema.org/draft/2020-12/schema");
    assert_string_equal(conf_pointer(root, "/$ref")->valuestring, "#/$defs/sample");
    cJSON_Delete(root);
}

static void assert_json(cJSON *root, const char *pointer, const char *expected)
{
    cJSON *item = conf_pointer(root, pointer);
    assert_non_null(item);
    char *text = cJSON_PrintUnformatted(item);
    assert_string_equal(text, expected);
    cJSON_free(text);
}

static void keys_are_described(void **state)
{
    cJSON *root = schema();
    assert_json(root, "/$defs/sample/properties/workers",
                "{\"type\":\"integer\",\"minimum\":1,\"maximum\":64,\"description\":\"Threads.\","
                "\"default\":2}");
    assert_json(root, "/$defs/sample/properties/cleanup",
                "{\"enum\":[\"inline\",\"deferred\",\"pooled\"],\"description\":\"A strategy.\","
                "\"default\":\"pooled\"}");
    assert_json(root, "/$defs/sample/properties/on/default", "[\"connect\",\"reused_closed\"]");
    assert_json(root, "/$defs/sample/properties/ports/items",
                "{\"type\":\"integer\",\"minimum\":1,\"maximum\":65535}");
    assert_json(root, "/$defs/sample/properties/body/type", "[\"integer\",\"string\"]");
    assert_json(root, "/$defs/sample/properties/upstreams",
                "{\"type\":\"object\",\"additionalProperties\":{\"$ref\":\"#/$defs/upstream\"},"
                "\"minProperties\":1,\"description\":\"Groups by name.\"}");
    assert_json(root, "/$defs/sample/properties/raw/default", "{\"a\":[1]}");
    assert_json(root, "/$defs/sample/properties/$schema", "{\"type\":\"string\"}");
    assert_json(root, "/$defs/sample/additionalProperties", "false");
    cJSON_Delete(root);
}

static void tables_are_described(void **state)
{
    cJSON *root = schema();
    assert_json(root, "/$defs/upstream/required", "[\"endpoints\"]");
    assert_json(root, "/$defs/endpoint/anyOf/0/required", "[\"address\"]");
    assert_json(root, "/$defs/endpoint/anyOf/1/type", "\"string\"");
    assert_json(root, "/$defs/step/properties/loop/items", "{\"$ref\":\"#/$defs/step\"}");
    assert_json(root, "/$defs/step/minProperties", "1");
    assert_json(root, "/$defs/step/maxProperties", "1");
    assert_json(root, "/$defs/timeout/description", "\"How long things may take.\"");
    cJSON_Delete(root);
}

static size_t count_lines(const char *text, const char *start)
{
    size_t count = strncmp(text, start, strlen(start)) == 0;
    for (const char *at = strchr(text, '\n'); at; at = strchr(at + 1, '\n'))
        count += strncmp(at + 1, start, strlen(start)) == 0;
    return count;
}

static void the_manual_has_every_key_once(void **state)
{
    char *text = written(conf_write_manual);
    assert_int_equal(count_lines(text, ".It "), 21 + 2 + 2 + 1 + 3);
    assert_int_equal(count_lines(text, ".Bl "), count_lines(text, ".El"));
    assert_non_null(strstr(text, ".It Cm \\&workers Pq \"a whole number, 1 to 64; default 2\"\n"
                                 "Threads.\n"));
    assert_non_null(strstr(text, "A name that says \\(dqhello\\(dq, with a \\e in it.\n"));
    assert_non_null(strstr(text, "Keys as for\n.Em \\&step ,\ndescribed above.\n"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(references_lead_somewhere),
        cmocka_unit_test(keys_are_described),
        cmocka_unit_test(tables_are_described),
        cmocka_unit_test(the_manual_has_every_key_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
