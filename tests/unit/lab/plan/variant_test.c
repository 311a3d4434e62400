/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <cjson/cJSON.h>

#include "lab/plan/variant.h"
#include "tests/unit/lab/sample.h"

static enum result parse(struct variants *variants, const char *axes, struct error *error)
{
    const char *parts[] = {"\"variants\": {}", axes, NULL};
    char *text = sample_text(parts);
    return variants_parse(variants, "x.json", text, strlen(text), error);
}

static struct variants parsed(const char *axes)
{
    struct variants variants;
    struct error error;
    if (parse(&variants, axes, &error) != OK)
        fail_msg("%s", error.text);
    return variants;
}

static void assert_refused(const char *axes, const char *part)
{
    struct variants variants;
    struct error error;
    assert_int_equal(parse(&variants, axes, &error), FAILED_INPUT);
    if (!strstr(error.text, part) || strncmp(error.text, "x.json:", 7) != 0)
        fail_msg("\"%s\" does not say \"%s\"", error.text, part);
}

static void without_axes_there_is_one(void **state)
{
    struct variants variants = parsed("\"variants\": {}");
    assert_int_equal(variants.count, 1);
    assert_string_equal(variants.items[0].label, "baseline");
    variants_free(&variants);
}

static const char *text_at(const struct variant *variant, const char *pointer)
{
    const cJSON *item = conf_pointer(conf_doc_root(variant->doc), pointer);
    return cJSON_IsString(item) ? item->valuestring : "?";
}

static void one_axis_is_labelled_by_its_values(void **state)
{
    struct variants variants = parsed("\"variants\": {\"/backends/a/config/cleanup\": "
                                      "[\"deferred\", \"inline\"]}");
    assert_int_equal(variants.count, 2);
    assert_string_equal(variants.items[0].label, "deferred");
    assert_string_equal(variants.items[1].label, "inline");
    assert_string_equal(text_at(&variants.items[1], "/backends/a/config/cleanup"), "inline");
    assert_string_equal(text_at(&variants.items[1], "/backends/b/config/cleanup"), "y");
    const cJSON *value =
        cJSON_GetObjectItemCaseSensitive(variants.items[1].values, "/backends/a/config/cleanup");
    assert_string_equal(value->valuestring, "inline");
    variants_free(&variants);
}

static void values_can_have_labels_and_gateways_have_names(void **state)
{
    struct variants variants =
        parsed("\"variants\": {\"/load/connections\": [{\"label\": \"few\", \"value\": 2}, 3],"
               " \"/gateway\": [{\"command\": [\"/usr/sbin/nginx\"]}, {\"workers\": 1},"
               " {\"label\": \"mine\", \"value\": {\"workers\": 2}}]}");
    static const char *const labels[] = {"few, nginx", "few, tailgate", "few, mine",
                                         "3, nginx",   "3, tailgate",   "3, mine"};
    assert_int_equal(variants.count, ARRAY_LEN(labels));
    for (size_t i = 0; i < variants.count; i++)
        assert_string_equal(variants.items[i].label, labels[i]);
    assert_int_equal(variants.items[0].experiment.load.connections, 2);
    assert_string_equal(variants.items[0].rest, "few");
    assert_string_equal(variants.items[2].gateway, "mine");
    const cJSON *workers = conf_pointer(conf_doc_root(variants.items[2].doc), "/gateway/workers");
    assert_true(workers && workers->valuedouble == 2);
    variants_free(&variants);
}

static void an_element_of_a_list_is_replaced_where_it_stands(void **state)
{
    struct variants variants = parsed("\"variants\": {\"/gateway/list\": [[\"a\", \"b\", \"c\"]],"
                                      " \"/gateway/list/1\": [\"x\", \"y\"]}");
    assert_string_equal(text_at(&variants.items[1], "/gateway/list/0"), "a");
    assert_string_equal(text_at(&variants.items[1], "/gateway/list/1"), "y");
    assert_string_equal(text_at(&variants.items[1], "/gateway/list/2"), "c");
    variants_free(&variants);
}

static void axes_are_multiplied(void **state)
{
    struct variants variants = parsed("\"variants\": {\"/load/rate\": [\"10/s\", \"20/s\"],"
                                      " \"/load/connections\": [1, 2, 3]}");
    static const char *const labels[] = {"10/s, 1", "10/s, 2", "10/s, 3",
                                         "20/s, 1", "20/s, 2", "20/s, 3"};
    assert_int_equal(variants.count, ARRAY_LEN(labels));
    for (size_t i = 0; i < variants.count; i++)
        assert_string_equal(variants.items[i].label, labels[i]);
    assert_true(variants.items[5].experiment.load.rate == 20);
    assert_int_equal(variants.items[5].experiment.load.connections, 3);
    assert_int_equal(variants.items[0].experiment.load.connections, 1);
    variants_free(&variants);
}

static void keys_may_be_new_and_escaped(void **state)
{
    struct variants variants = parsed("\"variants\": {\"/gateway/a~1b~0c\": [{\"d\": 1}, [2]],"
                                      " \"/gateway/upstreams/u/endpoints/0\": [\"@b\"]}");
    assert_string_equal(variants.items[0].label, "{\"d\":1}, @b");
    assert_string_equal(variants.items[1].label, "[2], @b");
    assert_non_null(conf_pointer(conf_doc_root(variants.items[0].doc), "/gateway/a~1b~0c/d"));
    assert_string_equal(text_at(&variants.items[0], "/gateway/upstreams/u/endpoints/0"), "@b");
    variants_free(&variants);
}

static void mistakes_are_named(void **state)
{
    assert_refused("\"variants\": []", "object");
    assert_refused("\"variants\": {\"/seed\": [1]}", "cannot vary");
    assert_refused("\"variants\": {\"load\": [1]}", "cannot vary");
    assert_refused("\"variants\": {\"/load/rate\": []}", "at least one");
    assert_refused("\"variants\": {\"/load/rate\": \"1/s\"}", "list");
    assert_refused("\"variants\": {\"/load/rate\": [\"1/s\", \"1/s\"]}", "already");
    assert_refused("\"variants\": {\"/backends/c/config/d\": [1]}", "/backends/c/config");
    assert_refused("\"variants\": {\"/load/requests/1\": [{\"GET\": \"/\"}]}", "\"1\"");
    assert_refused("\"variants\": {\"/load/rate/x\": [1]}", "\"x\"");
    assert_refused("\"variants\": {\"/load/connections\": [1,2,3,4,5,6,7,8,9],"
                   " \"/load/timeout\": [\"1s\",\"2s\",\"3s\",\"4s\",\"5s\",\"6s\",\"7s\",\"8s\"]}",
                   "more than 64");
}

/* A value that is wrong where it goes is reported where it stands: in the list of the axis. */
static void a_value_keeps_its_place(void **state)
{
    assert_refused("\"variants\": {\n\"/load/rate\": [\"10/s\",\n  \"fast\"]}", "x.json:10:3:");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_axes_there_is_one),
        cmocka_unit_test(one_axis_is_labelled_by_its_values),
        cmocka_unit_test(an_element_of_a_list_is_replaced_where_it_stands),
        cmocka_unit_test(axes_are_multiplied),
        cmocka_unit_test(values_can_have_labels_and_gateways_have_names),
        cmocka_unit_test(keys_may_be_new_and_escaped),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(a_value_keeps_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
