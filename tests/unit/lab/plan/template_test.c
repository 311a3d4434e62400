/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "lab/plan/template.h"

static const struct endpoint_address orders[] = {{"orders-0", "127.0.0.1:9001"},
                                                 {"orders-1", "127.0.0.1:9002"}};
static const struct endpoint_address stock[] = {{"stock.eu-0", "[::1]:7001"}};
static const struct template_word words[] = {
    {"listen", "127.0.0.1:80"}, {"listen.port", "80"}, {"pool", ""}};
static const struct template_group groups[] = {{"orders", orders, 2}, {"stock.eu", stock, 1}};
static const struct template_words all = {words, 3, groups, 2};

static enum result render(const char *text, bool one_line, char *out, size_t size,
                          struct error *error)
{
    struct buf rendered = {0};
    const struct template_source source = {
        .name = "x.conf", .text = text, .length = strlen(text), .one_line = one_line};
    enum result result = template_render(&rendered, &source, &all, error);
    snprintf(out, size, "%.*s", (int)buf_len(&rendered), rendered.data ? buf_head(&rendered) : "");
    buf_free(&rendered);
    return result;
}

static void assert_renders(const char *text, const char *expected)
{
    char out[512];
    struct error error;
    if (render(text, false, out, sizeof(out), &error) != OK)
        fail_msg("%s", error.text);
    assert_string_equal(out, expected);
}

static void assert_refused(const char *text, bool one_line, const char *message)
{
    char out[512];
    struct error error;
    assert_int_equal(render(text, one_line, out, sizeof(out), &error), FAILED_INPUT);
    if (strncmp(error.text, message, strlen(message)) != 0)
        fail_msg("\"%s\" does not begin with \"%s\"", error.text, message);
}

static void words_are_replaced(void **state)
{
    assert_renders("", "");
    assert_renders("listen {listen};\nport={listen.port}", "listen 127.0.0.1:80;\nport=80");
    assert_renders("a{pool}b", "ab");
}

static void a_line_with_a_group_is_there_for_each_instance(void **state)
{
    assert_renders("up {\n  server {@orders};\n}\n",
                   "up {\n  server 127.0.0.1:9001;\n  server 127.0.0.1:9002;\n}\n");
    assert_renders("{@orders.name} {@orders.number} {@orders.host} {@orders.port}\n",
                   "orders-0 0 127.0.0.1 9001\norders-1 1 127.0.0.1 9002\n");
    assert_renders("{@stock.eu} {@stock.eu.host}", "[::1]:7001 [::1]");
}

static void one_instance_is_named_by_its_number(void **state)
{
    assert_renders("{@orders/1} {@orders/0.port} {@stock.eu/0.port}", "127.0.0.1:9002 9001 7001");
}

static void braces_of_others_stay(void **state)
{
    static const char text[] = "http { ${listen} %{+Q}o {2,3} { listen } {a: 1} {} {-x} {";
    assert_renders(text, text);
    assert_renders("{{listen} {{", "{listen} {");
}

static void what_stands_for_nothing_is_refused_with_its_place(void **state)
{
    assert_refused("a\n  b {lisen} c", false,
                   "x.conf:2:5: there is no placeholder {lisen} (did you mean {listen}?)");
    assert_refused("{@order}", false, "x.conf:1:1: there is no placeholder {@order} (did you");
    assert_refused("{zzzzzzzzz}", false,
                   "x.conf:1:1: there is no placeholder {zzzzzzzzz} (expected");
    assert_refused("x {@orders/2}", false, "x.conf:1:3: \"orders\" has no instance of that number");
    assert_refused("{@orders} {@stock.eu}", false, "x.conf:1:11: the line is there once");
    assert_refused("-x{@orders}", true, "x.conf:1:3: this stands for more than one address");
}

static void whom_it_leads_to(void **state)
{
    static const char text[] = "{@orders/1.port}\n{{@stock.eu}";
    const struct template_source source = {.text = text, .length = sizeof(text) - 1};
    assert_true(template_leads_to(&source, "orders", 1));
    assert_true(template_leads_to(&source, "orders", -1));
    assert_false(template_leads_to(&source, "orders", 0));
    assert_false(template_leads_to(&source, "stock.eu", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_replaced),
        cmocka_unit_test(a_line_with_a_group_is_there_for_each_instance),
        cmocka_unit_test(one_instance_is_named_by_its_number),
        cmocka_unit_test(braces_of_others_stay),
        cmocka_unit_test(what_stands_for_nothing_is_refused_with_its_place),
        cmocka_unit_test(whom_it_leads_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
