/* SPDX-License-Identifier: MIT */
/* What is JSON and yet wrong is refused at its exact place, with what was expected. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "lib/base/buf.h"
#include "tests/unit/conf/sample.h"

/* A text, and "LINE:COL: message". */
static const struct mistake {
    const char *text, *message;
} mistakes[] = {
    {"{\"workers\": 0}", "1:13: \"workers\" is 0, out of bounds (expected 1 to 64)"},
    {"{\"workers\": \"4\"}",
     "1:13: \"workers\" must be a whole number, not a string (expected 1 to 64)"},
    {"{\"workers\": 1.5}", "1:13: \"workers\" is 1.5, not a whole number (expected 1 to 64)"},
    {"{\"wrokers\": 1}", "1:2: unknown key \"wrokers\" in sample (nearest known key \"workers\")"},
    {"{\"zzzzzz\": 1}",
     "1:2: unknown key \"zzzzzz\" in sample (expected \"enabled\", \"workers\", \"seed\", "
     "\"factor\", \"label\", \"period\", \"body\", \"rate\", \"budget\", \"delay\", \"admin\", "
     "\"cleanup\", \"on\", \"timeout\", \"own_timeout\", \"server\", \"ports\", \"tags\", "
     "\"upstreams\", \"steps\" or \"raw\")"},
    {"{\"seed\": 1e300}",
     "1:10: \"seed\" is 1e+300, not a whole number (expected digits, for example 4)"},
    {"{\"period\": \"250\"}", "1:12: \"period\" is \"250\", not a duration (expected a number and "
                              "ns, us, ms, s, m or h, for example \"250ms\"; 1ms to 10s)"},
    {"{\"period\": \"20s\"}", "1:12: \"period\" is \"20s\", out of bounds (expected 1ms to 10s)"},
    {"{\"period\": 3}", "1:12: \"period\" must be a duration, not a number (expected a number and "
                        "ns, us, ms, s, m or h, for example \"250ms\"; 1ms to 10s)"},
    {"{\"body\": -3}", "1:10: \"body\" is -3, not a size (expected a number and B, KB, MB, GB, "
                       "KiB, MiB or GiB, for example \"64KiB\"; 1B to 1GiB)"},
    {"{\"body\": \"2GiB\"}", "1:10: \"body\" is \"2GiB\", out of bounds (expected 1B to 1GiB)"},
    {"{\"body\": \"2x\"}", "1:10: \"body\" is \"2x\", not a size (expected a number and B, KB, MB, "
                           "GB, KiB, MiB or GiB, for example \"64KiB\"; 1B to 1GiB)"},
    {"{\"rate\": \"0.1/s\"}",
     "1:10: \"rate\" is \"0.1/s\", out of bounds (expected at least 0.5/s)"},
    {"{\"rate\": \"0.1\"}", "1:10: \"rate\" is \"0.1\", not a rate (expected a number and /s, /m "
                            "or /h, for example \"2000/s\"; at least 0.5/s)"},
    {"{\"budget\": \"120%\"}", "1:12: \"budget\" is \"120%\", out of bounds (expected 0% to 100%)"},
    {"{\"budget\": 0.5}", "1:12: \"budget\" must be a share, not a number (expected a number and "
                          "%, for example \"0.5%\"; 0% to 100%)"},
    {"{\"delay\": \"foo\"}",
     "1:11: \"delay\": \"foo\" is not a length of time: expected a duration such as \"5ms\" or a "
     "distribution such as \"uniform(1ms,9ms)\""},
    {"{\"delay\": \"foo(1ms)\"}",
     "1:11: \"delay\": \"foo(1ms)\" is not a distribution: expected a duration such as \"5ms\" or "
     "one of \"uniform(1ms,9ms)\", \"normal(5ms,1ms)\", \"exponential(2ms)\", "
     "\"lognormal(p50=2ms,p99=40ms)\", \"pareto(1ms,1.5)\""},
    {"{\"delay\": 5}",
     "1:11: \"delay\" must be a distribution, not a number (expected a duration such as \"5ms\", a "
     "form such as \"uniform(1ms,9ms)\", {\"quantiles\": ...} or {\"replay\": ...})"},
    {"{\"delay\": {\"quantiles\": {\"p50\": \"2ms\", \"p99\": \"1ms\"}}}",
     "1:47: \"p99\" is below \"p50\" (expected values that do not fall)"},
    {"{\"delay\": {\"quantiles\": {\"p50\": \"2ms\", \"p50.0\": \"3ms\"}}}",
     "1:40: \"p50.0\" is the same quantile as \"p50\" (expected each once)"},
    {"{\"delay\": {\"quantiles\": {\"p50\": 2}}}",
     "1:33: \"p50\" must be a duration, not a number (expected a number and ns, us, ms, s, m or h, "
     "for example \"250ms\")"},
    {"{\"delay\": {\"quantiles\": {}}}", "1:25: \"quantiles\" is empty (expected {\"name\": ...})"},
    {"{\"delay\": {\"quantiles\": []}}",
     "1:25: \"quantiles\" must be an object of names, not a list (expected {\"name\": ...})"},
    {"{\"delay\": {\"quantiles\": {\"50\": \"2ms\"}}}",
     "1:26: \"50\" is not a quantile (expected p and a number between 0 and 100, for example "
     "\"p99.9\")"},
    {"{\"delay\": {\"quantile\": {\"50\": \"2ms\"}}}",
     "1:12: unknown key \"quantile\" in distribution (nearest known key \"quantiles\")"},
    {"{\"delay\": {}}", "1:11: distribution is empty (expected \"quantiles\" or \"replay\")"},
    {"{\"admin\": \":8080\"}",
     "1:11: \"admin\" is \":8080\", not an address (expected IPv4:port, [IPv6]:port, "
     "localhost:port or unix:/path, for example \"127.0.0.1:8080\")"},
    {"{\"admin\": \"example.com:80\"}",
     "1:11: \"admin\" is \"example.com:80\", not an address (expected IPv4:port, [IPv6]:port, "
     "localhost:port or unix:/path, for example \"127.0.0.1:8080\")"},
    {"{\"cleanup\": \"inlien\"}",
     "1:13: \"cleanup\" is \"inlien\", not one of its choices (expected \"inline\", \"deferred\" "
     "or \"pooled\", nearest \"inline\")"},
    {"{\"cleanup\": \"zzz\"}", "1:13: \"cleanup\" is \"zzz\", not one of its choices (expected "
                               "\"inline\", \"deferred\" or \"pooled\")"},
    {"{\"cleanup\": 1}", "1:13: \"cleanup\" must be one of its choices, not a number (expected "
                         "\"inline\", \"deferred\" or \"pooled\")"},
    {"{\"on\": \"connect\"}", "1:8: \"on\" must be a list of choices, not a string (expected a "
                              "list of \"connect\", \"reset\" or \"reused_closed\")"},
    {"{\"on\": [\"connec\"]}",
     "1:9: an entry of \"on\" is \"connec\", not one of its choices (expected \"connect\", "
     "\"reset\" or \"reused_closed\", nearest \"connect\")"},
    {"{\"on\": [1]}", "1:9: an entry of \"on\" must be one of its choices, not a number (expected "
                      "\"connect\", \"reset\" or \"reused_closed\")"},
    {"{\"timeout\": \"1s\"}", "1:13: timeout must be an object, not a string (expected {...})"},
    {"{\"timeout\": {\"conect\": \"1s\"}}",
     "1:14: unknown key \"conect\" in timeout (nearest known key \"connect\")"},
    {"{\"ports\": [80, 0]}",
     "1:16: an entry of \"ports\" is 0, out of bounds (expected 1 to 65535)"},
    {"{\"ports\": [80, \"a\"]}",
     "1:16: an entry of \"ports\" must be a whole number, not a string (expected 1 to 65535)"},
    {"{\"ports\": 80}", "1:11: \"ports\" must be a list, not a number (expected [...])"},
    {"{\"tags\": []}", "1:10: \"tags\" is empty (expected at least one entry)"},
    {"{\"tags\": [\"\"]}", "1:11: an entry of \"tags\" is empty (expected text in double quotes)"},
    {"{\"upstreams\": {}}", "1:15: \"upstreams\" is empty (expected at least one entry)"},
    {"{\"upstreams\": []}",
     "1:15: \"upstreams\" must be an object of names, not a list (expected {\"name\": ...})"},
    {"{\"upstreams\": {\"\": {}}}", "1:16: a name in \"upstreams\" is empty (expected text)"},
    {"{\"upstreams\": {\"a\": {}}}", "1:21: upstream lacks \"endpoints\" (expected [...])"},
    {"{\"upstreams\": {\"a\": {\"endpoints\": []}}}",
     "1:35: \"endpoints\" is empty (expected at least one entry)"},
    {"{\"upstreams\": {\"a\": {\"endpoints\": [\"x\"]}}}",
     "1:36: \"address\" is \"x\", not an address (expected IPv4:port, [IPv6]:port, localhost:port "
     "or unix:/path, for example \"127.0.0.1:8080\")"},
    {"{\"upstreams\": {\"a\": {\"endpoints\": [1]}}}",
     "1:36: endpoint must be an object or a string, not a number (expected {...}, or its "
     "\"address\" alone)"},
    {"{\"upstreams\": {\"a\": {\"endpoints\": [{\"weight\": 3}]}}}",
     "1:36: endpoint lacks \"address\" (expected IPv4:port, [IPv6]:port, localhost:port or "
     "unix:/path, for example \"127.0.0.1:8080\")"},
    {"{\"steps\": [{}]}", "1:12: step is empty (expected \"io\", \"acquire\" or \"loop\")"},
    {"{\"steps\": [{\"io\": \"1ms\", \"acquire\": \"x\"}]}",
     "1:26: step has both \"io\" and \"acquire\" (expected only one)"},
    {"{\"steps\": [{\"loop\": []}]}", "1:21: \"loop\" is empty (expected at least one entry)"},
    {"{\"steps\": [{\"loop\": [{\"acquire\": \"\"}]}]}",
     "1:34: \"acquire\" is empty (expected text in double quotes)"},
    {"{\"steps\": [\"x\"]}", "1:12: step must be an object, not a string (expected {...})"},
    {"{\"label\": \"\"}", "1:11: \"label\" is empty (expected text in double quotes)"},
    {"{\"label\": null}",
     "1:11: \"label\" must be a string, not null (expected text in double quotes)"},
    {"{\"enabled\": 1}",
     "1:13: \"enabled\" must be true or false, not a number (expected true or false)"},
    {"{\"workers\": 13}", "1:13: 13 workers are unlucky"},
    {"{\"workers\": 14}", "1:1: 14 workers are too many"},
    {"[]", "1:1: sample must be an object, not a list (expected {...})"},
    {"\"x\"", "1:1: sample must be an object, not a string (expected {...})"},
    {"{ // foo\n/* \"y */ \"workers\"/**/: // \"z\" \n99 }",
     "3:1: \"workers\" is 99, out of bounds (expected 1 to 64)"},
    {"{\"timeout\": {\"$schema\": \"x\"}}",
     "1:14: unknown key \"$schema\" in timeout (expected \"connect\" or \"total\")"},
    {"{\"\": 3}", "1:2: unknown key \"\" in sample (expected \"enabled\", \"workers\", \"seed\", "
                  "\"factor\", \"label\", \"period\", \"body\", \"rate\", \"budget\", \"delay\", "
                  "\"admin\", \"cleanup\", \"on\", \"timeout\", \"own_timeout\", \"server\", "
                  "\"ports\", \"tags\", \"upstreams\", \"steps\" or \"raw\")"},
};

static void assert_refused(const char *text, const char *message)
{
    struct sample_reading reading;
    assert_int_equal(sample_begin(&reading, text, strlen(text)), FAILED_INPUT);
    assert_memory_equal(reading.error.text, "c.json:", 7);
    assert_string_equal(reading.error.text + 7, message);
    sample_end(&reading);
}

static void mistakes_are_placed(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++)
        assert_refused(mistakes[i].text, mistakes[i].message);
}

static void lines_are_counted(void **state)
{
    assert_refused("{\n  // why\n  \"workers\": 2,\n\t\"upstreams\": {\n    \"a\": {}\n  }\n}",
                   "5:10: upstream lacks \"endpoints\" (expected [...])");
    assert_refused("{\n  \"timeout\": {\n    \"conect\": \"1s\"\n  }\n}",
                   "3:5: unknown key \"conect\" in timeout (nearest known key \"connect\")");
    assert_refused("{ /* a\n b */ \"workers\":\n\n   65 }",
                   "4:4: \"workers\" is 65, out of bounds (expected 1 to 64)");
}

/* A message stays one line that a terminal can be trusted with. */
static void strange_names_stay_on_the_line(void **state)
{
    assert_refused(
        "{\"timeout\": {\"a\\n\\u001b[1m\\u009b\\u007f\": 1}}",
        "1:14: unknown key \"a??[1m???\" in timeout (expected \"connect\" or \"total\")");
}

static void long_values_are_shortened(void **state)
{
    struct sample_reading reading;
    struct buf text = {0};
    buf_append_text(&text, "{\"period\": \"");
    for (int i = 0; i < 5000; i++)
        buf_append_text(&text, "\xe2\x82\xac");
    buf_append_text(&text, "\"}");
    assert_int_equal(sample_begin(&reading, buf_head(&text), buf_len(&text)), FAILED_INPUT);
    assert_memory_equal(reading.error.text, "c.json:1:12: \"period\" is \"\xe2\x82\xac", 28);
    assert_non_null(strstr(reading.error.text, "\xe2\x82\xac...\", not a duration (expected "));
    assert_null(strchr(reading.error.text, '?'));
    sample_end(&reading);
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_are_placed),
        cmocka_unit_test(lines_are_counted),
        cmocka_unit_test(strange_names_stay_on_the_line),
        cmocka_unit_test(long_values_are_shortened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
