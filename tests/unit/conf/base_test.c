/* SPDX-License-Identifier: MIT */
/* A table that has the keys of another one beside its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/conf/conf.h"

struct inner {
    const char *kind;
    int64_t count;
    const struct cJSON *item;
};

struct outer {
    const char *on;
    struct inner inner;
};

static enum result check_inner(struct conf_read *read, void *object, const struct cJSON *item)
{
    const struct inner *inner = object;
    return inner->count == 13 ? conf_fail(read, conf_member(item, "count"), "not 13") : OK;
}

static const struct conf_key inner_keys[] = {
    {.name = "kind",
     .type = CONF_STRING,
     .offset = offsetof(struct inner, kind),
     .flags = CONF_REQUIRED,
     .meaning = "The base's kind."},
    {.name = "count",
     .type = CONF_INT,
     .offset = offsetof(struct inner, count),
     .otherwise = "3",
     .meaning = "The base's count."},
};

static const struct conf_table inner_table = {
    .name = "inner",
    .size = sizeof(struct inner),
    .keys = inner_keys,
    .key_count = ARRAY_LEN(inner_keys),
    .check = check_inner,
    .item_offset = offsetof(struct inner, item),
};

static enum result check_outer(struct conf_read *read, void *object, const struct cJSON *item)
{
    struct outer *outer = object;
    if (strcmp(outer->on, "thirteen") == 0)
        outer->inner.count = 13; /* the base's check has yet to come */
    return OK;
}

static const struct conf_key outer_keys[] = {
    {.name = "on",
     .type = CONF_STRING,
     .offset = offsetof(struct outer, on),
     .flags = CONF_REQUIRED,
     .meaning = "Where."},
    {.name = "kind",
     .type = CONF_STRING,
     .offset = offsetof(struct outer, inner.kind),
     .otherwise = "usual",
     .meaning = "In the base's stead."},
};

static const struct conf_table outer_table = {
    .name = "outer",
    .size = sizeof(struct outer),
    .keys = outer_keys,
    .key_count = ARRAY_LEN(outer_keys),
    .check = check_outer,
    .base = &inner_table,
    .base_offset = offsetof(struct outer, inner),
    .item_offset = CONF_NO_ITEM,
};

/* The outcome of reading; `error` holds the message. */
static enum result read_text(const char *text, struct outer *outer, struct error *error)
{
    struct conf_doc *doc = NULL;
    struct arena arena = {0};
    assert_int_equal(conf_doc_parse(&doc, "file", text, strlen(text), error), OK);
    enum result result = conf_read(doc, conf_doc_root(doc), &outer_table, outer, &arena, error);
    if (result == OK) {
        assert_ptr_equal(outer->inner.item, conf_doc_root(doc));
        /* The arena goes with this function. */
        static char on[32], kind[32];
        outer->on = strcpy(on, outer->on);
        outer->inner.kind = strcpy(kind, outer->inner.kind);
    }
    arena_free(&arena);
    conf_doc_free(&doc);
    return result;
}

static void keys_of_both_are_read(void **state)
{
    struct outer outer;
    struct error error;
    assert_int_equal(read_text("{\"count\": 5, \"on\": \"x\", \"kind\": \"k\"}", &outer, &error),
                     OK);
    assert_string_equal(outer.on, "x");
    assert_string_equal(outer.inner.kind, "k");
    assert_int_equal(outer.inner.count, 5);
}

static void a_key_of_its_own_stands_in_the_base_s_stead(void **state)
{
    struct outer outer;
    struct error error;
    assert_int_equal(read_text("{\"on\": \"x\"}", &outer, &error), OK);
    assert_string_equal(outer.inner.kind, "usual");
    assert_int_equal(outer.inner.count, 3);
}

static void messages_know_both(void **state)
{
    struct outer outer;
    struct error error;
    assert_int_equal(read_text("{\"on\": \"x\", \"coumt\": 1}", &outer, &error), FAILED_INPUT);
    assert_non_null(strstr(error.text, "nearest known key \"count\""));
    assert_int_equal(read_text("{\"count\": 1}", &outer, &error), FAILED_INPUT);
    assert_non_null(strstr(error.text, "outer lacks \"on\""));
}

static void the_base_checks_last(void **state)
{
    struct outer outer;
    struct error error;
    assert_int_equal(read_text("{\"on\": \"thirteen\"}", &outer, &error), FAILED_INPUT);
    assert_non_null(strstr(error.text, "not 13"));
}

static char *written(void (*write)(FILE *, const struct conf_table *))
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    write(out, &outer_table);
    fclose(out);
    return text;
}

static void schema_and_manual_have_each_key_once(void **state)
{
    char *schema = written(conf_write_schema), *manual = written(conf_write_manual);
    assert_non_null(strstr(schema, "The base's count."));
    assert_non_null(strstr(schema, "In the base's stead."));
    assert_null(strstr(schema, "The base's kind."));
    assert_non_null(strstr(manual, "The base's count."));
    assert_null(strstr(manual, "The base's kind."));
    free(schema);
    free(manual);
}

static void both_count_for_equality(void **state)
{
    struct outer one, other;
    struct error error;
    assert_int_equal(read_text("{\"on\": \"x\", \"count\": 1}", &one, &error), OK);
    assert_int_equal(read_text("{\"on\": \"x\", \"count\": 2}", &other, &error), OK);
    assert_false(conf_equal(&outer_table, &one, &other));
    other.inner.count = 1;
    assert_true(conf_equal(&outer_table, &one, &other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_both_are_read),
        cmocka_unit_test(a_key_of_its_own_stands_in_the_base_s_stead),
        cmocka_unit_test(messages_know_both),
        cmocka_unit_test(the_base_checks_last),
        cmocka_unit_test(schema_and_manual_have_each_key_once),
        cmocka_unit_test(both_count_for_equality),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
