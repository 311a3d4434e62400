/* SPDX-License-Identifier: MIT */
/* What is no JSON is refused at its exact place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "lib/base/buf.h"
#include "lib/conf/conf.h"

/* A text, and "LINE:COL: message". */
static const struct mistake {
    const char *text, *message;
} mistakes[] = {
    {"", "1:1: the file is empty (expected {...})"},
    {"  ", "1:1: the file is empty but for blanks and comments (expected {...})"},
    {"{\"seed\": 9007199254740993}",
     "1:10: 9007199254740993 cannot be kept exactly (expected at most 9007199254740992)"},
    {"{\"seed\": 1e400}", "1:10: 1e400 is too large (expected at most 1.79e308)"},
    {"{\"period\": 250ms}", "1:12: malformed number '250ms' (expected digits such as 12 or -0.5; a "
                            "value with a unit stands in double quotes)"},
    {"{\"workers\": 2, \"label\": \"a\",\n \"workers\": 3}",
     "2:2: key \"workers\" is given twice (expected once; first given at 1:2)"},
    {"{\"raw\": {\"x\": 1, \"\\u0078\": 3}}",
     "1:18: key \"x\" is given twice (expected once; first given at 1:10)"},
    {"{\"a\": 1,}", "1:9: unexpected '}' (expected no comma after the last entry)"},
    {"{\"ports\": [1,]}", "1:14: unexpected ']' (expected no comma after the last entry)"},
    {"{\"ports\": [1",
     "1:13: unexpected end of the text (expected \",\" or \"]\" for the \"[\" of line 1)"},
    {"{\n\"ports\": 1",
     "2:11: unexpected end of the text (expected \",\" or \"}\" for the \"{\" of line 1)"},
    {"{\"ports\": 1 \"x\": 2}",
     "1:13: unexpected string (expected \",\" or \"}\" for the \"{\" of line 1)"},
    {"{\"ports\": 1 x: 2}",
     "1:13: unexpected 'x' (expected \",\" or \"}\" for the \"{\" of line 1)"},
    {"{'a': 1}", "1:2: unexpected ''' (expected a key in double quotes)"},
    {"{a: 1}", "1:2: unexpected 'a' (expected a key in double quotes)"},
    {"{\"a\" 1}", "1:6: unexpected '1' (expected \":\" after the key)"},
    {"{\"a\": True}", "1:7: unexpected 'True' (expected a value: {, [, text in double quotes, a "
                      "number, true, false or null)"},
    {"{\"a\": 'x'}", "1:7: unexpected ''' (expected a value: {, [, text in double quotes, a "
                     "number, true, false or null)"},
    {"{\"a\": .5}", "1:7: unexpected '.5' (expected a value: {, [, text in double quotes, a "
                    "number, true, false or null)"},
    {"{\"a\": +5}", "1:7: unexpected '+5' (expected a value: {, [, text in double quotes, a "
                    "number, true, false or null)"},
    {"{\"a\": 05}", "1:7: malformed number '05' (expected digits such as 12 or -0.5; a value with "
                    "a unit stands in double quotes)"},
    {"{\"a\": 1.}", "1:7: malformed number '1.' (expected digits such as 12 or -0.5; a value with "
                    "a unit stands in double quotes)"},
    {"{\"a\": 1e}", "1:7: malformed number '1e' (expected digits such as 12 or -0.5; a value with "
                    "a unit stands in double quotes)"},
    {"{\"a\": -}", "1:7: malformed number '-' (expected digits such as 12 or -0.5; a value with a "
                   "unit stands in double quotes)"},
    {"{\"a\": NaN}", "1:7: unexpected 'NaN' (expected a value: {, [, text in double quotes, a "
                     "number, true, false or null)"},
    {"{\"a\": \"x", "1:7: a string is not closed (expected a double quote on its line)"},
    {"{\"a\": \"x\ny\"}", "1:7: a string is not closed (expected a double quote on its line)"},
    {"{\"a\": \"\\x\"}", "1:8: unknown escape in a string (expected \\\", \\\\, \\/, \\b, \\f, "
                         "\\n, \\r, \\t or \\u and four hexadecimal digits)"},
    {"{\"a\": \"\\u12\"}", "1:8: malformed escape (expected \\u and four hexadecimal digits)"},
    {"{\"a\": \"\\u0000\"}", "1:8: a NUL character in a string (expected text)"},
    {"{\"a\": \"\\ud800x\"}", "1:8: half a character (expected a pair such as \\ud83d\\ude00)"},
    {"{\"a\": \"\\udc00x\"}", "1:8: half a character (expected a pair such as \\ud83d\\ude00)"},
    {"{\"a\": \"\t\"}", "1:8: control character 0x09 in a string (expected an escape such as \\t)"},
    {"{} x", "1:4: unexpected 'x' (expected nothing after the first value)"},
    {"{} }", "1:4: unexpected '}' (expected nothing after the first value)"},
    {"/* x \n", "1:1: a comment is not closed (expected \"*/\")"},
    {"{\"a\": 2000/s}", "1:7: malformed number '2000/s' (expected digits such as 12 or -0.5; a "
                        "value with a unit stands in double quotes)"},
    {"{\"a\": 123456789012345678901234567890123456789012345678901234567890123456789}",
     "1:7: a number of 69 characters (expected at most 60)"},
};

static void assert_refused(const char *text, size_t length, const char *message)
{
    struct conf_doc *doc = NULL;
    struct error error = {""};
    assert_int_equal(conf_doc_parse(&doc, "c.json", text, length, &error), FAILED_INPUT);
    assert_null(doc);
    assert_memory_equal(error.text, "c.json:", 7);
    assert_string_equal(error.text + 7, message);
}

static void mistakes_are_placed(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++)
        assert_refused(mistakes[i].text, strlen(mistakes[i].text), mistakes[i].message);
}

#define REFUSED(bytes, message) assert_refused(bytes, sizeof(bytes) - 1, message)

static void bytes_that_are_no_text_are_refused(void **state)
{
    REFUSED("{\n \0}", "2:2: a NUL byte (expected text)");
    REFUSED("\0", "1:1: a NUL byte (expected text)");
    REFUSED("{} // \xff", "1:7: byte 0xff is not UTF-8 (expected text in UTF-8)");
    REFUSED("\"\xc0\x80\"", "1:2: byte 0xc0 is not UTF-8 (expected text in UTF-8)");
    REFUSED("\"\xed\xa0\x80\"", "1:2: byte 0xed is not UTF-8 (expected text in UTF-8)");
    REFUSED("\"\xe2\x82", "1:2: byte 0xe2 is not UTF-8 (expected text in UTF-8)");
}

/* The column counts bytes: the two-byte letter moves what follows it by two. */
static void columns_count_bytes(void **state)
{
    REFUSED("{\"\xc3\xa4\" 1}", "1:7: unexpected '1' (expected \":\" after the key)");
    REFUSED("\xef\xbb\xbf{x}", "1:5: unexpected 'x' (expected a key in double quotes)");
    REFUSED("[\r\n \xe2\x82\xac]",
            "2:2: unexpected '\xe2\x82\xac' (expected a value: {, [, text in "
            "double quotes, a number, true, false or null)");
}

static void append_times(struct buf *text, const char *piece, size_t times)
{
    for (size_t i = 0; i < times; i++)
        buf_append_text(text, piece);
}

static void nesting_has_an_end(void **state)
{
    struct buf text = {0};
    struct conf_doc *doc = NULL;
    struct error error;
    append_times(&text, "[", 100);
    append_times(&text, "]", 100);
    assert_int_equal(conf_doc_parse(&doc, "c.json", buf_head(&text), buf_len(&text), &error), OK);
    conf_doc_free(&doc);
    buf_clear(&text);
    append_times(&text, "[", 100000);
    assert_refused(buf_head(&text), buf_len(&text),
                   "1:101: nested too deep (expected at most 100 levels)");
    buf_free(&text);
}

static void comments_and_space_are_skipped(void **state)
{
    static const char text[] =
        "\xef\xbb\xbf// one \"\n/* two\n // */ { /**/ \"a//b\" : [ 1 ,\t-2.5e+3 ]\r\n} //";
    struct conf_doc *doc = NULL;
    struct error error;
    assert_int_equal(conf_doc_parse(&doc, "c.json", text, sizeof(text) - 1, &error), OK);
    assert_non_null(conf_pointer(conf_doc_root(doc), "/a~1~1b/1"));
    conf_doc_free(&doc);
    assert_null(doc);
}

/* Quadratic work would not end in the time of a test. */
static void many_keys_are_no_burden(void **state)
{
    struct buf text = {0};
    buf_append_text(&text, "{");
    for (int i = 0; i < 200000; i++)
        buf_printf(&text, "\"k%d\":0,\n", i);
    buf_append_text(&text, "\"k77\":0}");
    assert_refused(buf_head(&text), buf_len(&text),
                   "200001:1: key \"k77\" is given twice (expected once; first given at 78:1)");
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_are_placed),
        cmocka_unit_test(bytes_that_are_no_text_are_refused),
        cmocka_unit_test(columns_count_bytes),
        cmocka_unit_test(nesting_has_an_end),
        cmocka_unit_test(comments_and_space_are_skipped),
        cmocka_unit_test(many_keys_are_no_burden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
