/* SPDX-License-Identifier: MIT */
/* Which route a request takes, which ones cannot be, and where redirects lead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/config/route.h"
#include "proxy/rules/redirect.h"

/* A configuration with these routes, each of which leads to upstream "a" unless it says otherwise.
 */
struct sample {
    struct conf_doc *doc;
    struct arena arena;
    struct proxy_config config;
    struct error error;
    enum result result;
};

static void read_sample(struct sample *sample, const char *routes)
{
    struct buf text = {0};
    *sample = (struct sample){0};
    buf_printf(&text,
               "{\"listeners\":[\"127.0.0.1:0\"],"
               "\"upstreams\":{\"a\":{\"endpoints\":[\"127.0.0.1:1\"],"
               "\"timeout\":{\"connect\":\"7s\",\"response\":\"8s\"},\"retry\":{\"attempts\":5}},"
               "\"b\":{\"endpoints\":[\"127.0.0.1:2\"]}},\n\"routes\":[%s]}",
               routes);
    sample->result =
        conf_doc_parse(&sample->doc, "test", buf_head(&text), buf_len(&text), &sample->error);
    if (sample->result == OK)
        sample->result = conf_read(sample->doc, conf_doc_root(sample->doc), &proxy_conf_table,
                                   &sample->config, &sample->arena, &sample->error);
    buf_free(&text);
}

static void free_sample(struct sample *sample)
{
    conf_doc_free(&sample->doc);
    arena_free(&sample->arena);
}

static int find_in(const struct sample *sample, const char *request)
{
    struct http_head head;
    assert_null(http_parse_request(&head, request, strlen(request)));
    const struct route_query query = {.target = head.target, .head = &head};
    return route_find(&sample->config, &query);
}

/* Finds a request by method, target, host and further field lines. */
static int find(const struct sample *sample, const char *method, const char *target,
                const char *host, const char *fields)
{
    char request[512];
    snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", method, target, host,
             fields);
    return find_in(sample, request);
}

static int find_path(const struct sample *sample, const char *target)
{
    return find(sample, "GET", target, "h", "");
}

/* ---- paths */

static void test_longest_prefix_wins(void **state)
{
    struct sample s;
    read_sample(&s, "{\"path\":\"/\",\"upstream\":\"a\"},{\"path\":\"/api\",\"upstream\":\"a\"},"
                    "{\"path\":\"/api/v2/\",\"upstream\":\"a\"},"
                    "{\"path\":\"/static/\",\"upstream\":\"a\"}");
    assert_string_equal(s.error.text, "");
    assert_int_equal(find_path(&s, "/"), 0);
    assert_int_equal(find_path(&s, "/orders"), 0);
    assert_int_equal(find_path(&s, "/api"), 1);
    assert_int_equal(find_path(&s, "/api/orders"), 1);
    assert_int_equal(find_path(&s, "/api/v2/orders"), 2);
    /* A prefix ends with a segment. */
    assert_int_equal(find_path(&s, "/apix"), 0);
    assert_int_equal(find_path(&s, "/api/v2"), 1);
    assert_int_equal(find_path(&s, "/api/v20/"), 1);
    assert_int_equal(find_path(&s, "/static"), 0);
    /* The query is no part of the path. */
    assert_int_equal(find_path(&s, "/api?x=/api/v2/"), 1);
    assert_int_equal(find_path(&s, "/?/api/"), 0);
    assert_int_equal(find(&s, "OPTIONS", "*", "h", ""), 0);
    free_sample(&s);
}

static void test_nothing_matches_without_a_root(void **state)
{
    struct sample s;
    read_sample(&s, "{\"path\":\"/api\",\"upstream\":\"a\"}");
    assert_int_equal(find_path(&s, "/other"), -1);
    assert_int_equal(find(&s, "OPTIONS", "*", "h", ""), -1);
    free_sample(&s);
}

static void test_exact_path_comes_before_any_prefix(void **state)
{
    struct sample s;
    read_sample(&s,
                "{\"path\":\"/api/v2\",\"upstream\":\"a\"},"
                "{\"exact\":\"/api\",\"upstream\":\"a\"},{\"path\":\"/api\",\"upstream\":\"a\"},"
                "{\"exact\":\"/\",\"upstream\":\"a\"}");
    assert_string_equal(s.error.text, "");
    assert_int_equal(find_path(&s, "/api"), 1);
    assert_int_equal(find_path(&s, "/api?x"), 1);
    assert_int_equal(find_path(&s, "/api/"), 2);
    assert_int_equal(find_path(&s, "/api/v2"), 0);
    assert_int_equal(find_path(&s, "/"), 3);
    assert_int_equal(find_path(&s, "/other"), -1);
    free_sample(&s);
}

/* ---- hosts */

static void test_hosts(void **state)
{
    struct sample s;
    read_sample(&s, "{\"upstream\":\"a\"},{\"host\":\"*.example.com\",\"upstream\":\"a\"},"
                    "{\"host\":\"*.b.example.com\",\"upstream\":\"a\"},"
                    "{\"host\":\"WWW.example.com\",\"upstream\":\"a\"},"
                    "{\"host\":\"[::1]\",\"upstream\":\"a\"}");
    assert_string_equal(s.error.text, "");
    assert_int_equal(find(&s, "GET", "/", "example.com", ""), 0);
    assert_int_equal(find(&s, "GET", "/", "badexample.com", ""), 0);
    assert_int_equal(find(&s, "GET", "/", ".example.com", ""), 0);
    assert_int_equal(find(&s, "GET", "/", "x.example.com", ""), 1);
    assert_int_equal(find(&s, "GET", "/", "x.y.Example.COM:8080", ""), 1);
    assert_int_equal(find(&s, "GET", "/", "b.example.com", ""), 1);
    assert_int_equal(find(&s, "GET", "/", "x.b.example.com.", ""), 2);
    assert_int_equal(find(&s, "GET", "/", "www.EXAMPLE.com.:80", ""), 3);
    assert_int_equal(find(&s, "GET", "/", "[::1]:80", ""), 4);
    assert_int_equal(find(&s, "GET", "/", "", ""), 0);
    assert_int_equal(find_in(&s, "GET / HTTP/1.0\r\n\r\n"), 0);
    free_sample(&s);
}

static void test_host_comes_before_path(void **state)
{
    struct sample s;
    read_sample(&s, "{\"exact\":\"/long/path\",\"upstream\":\"a\"},"
                    "{\"host\":\"a.org\",\"upstream\":\"a\"}");
    assert_int_equal(find(&s, "GET", "/long/path", "a.org", ""), 1);
    assert_int_equal(find(&s, "GET", "/long/path", "b.org", ""), 0);
    free_sample(&s);
}

static void test_authority_comes_before_the_host_field(void **state)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: b.org\r\n\r\n";
    struct sample s;
    struct http_head head;
    read_sample(&s, "{\"upstream\":\"a\"},{\"host\":\"a.org\",\"upstream\":\"a\"}");
    assert_null(http_parse_request(&head, request, strlen(request)));
    const struct route_query query = {
        .host = {"a.org:80", 8}, .target = head.target, .head = &head};
    assert_int_equal(route_find(&s.config, &query), 1);
    free_sample(&s);
}

/* ---- methods and headers */

static void test_methods(void **state)
{
    struct sample s;
    read_sample(&s, "{\"upstream\":\"a\"},{\"methods\":[\"GET\",\"POST\"],\"upstream\":\"a\"},"
                    "{\"path\":\"/x\",\"upstream\":\"a\"}");
    assert_int_equal(find(&s, "GET", "/", "h", ""), 1);
    assert_int_equal(find(&s, "POST", "/", "h", ""), 1);
    assert_int_equal(find(&s, "HEAD", "/", "h", ""), 0);
    assert_int_equal(find(&s, "get", "/", "h", ""), 0);
    assert_int_equal(find(&s, "GET", "/x", "h", ""), 2);
    free_sample(&s);
}

static void test_headers(void **state)
{
    struct sample s;
    read_sample(&s, "{\"upstream\":\"a\"},{\"headers\":{\"X-Canary\":\"1\"},\"upstream\":\"a\"},"
                    "{\"headers\":{\"x-canary\":{\"prefix\":\"beta-\"}},\"upstream\":\"a\"},"
                    "{\"headers\":{\"x-a\":{\"present\":true},\"x-b\":{\"present\":false}},"
                    "\"upstream\":\"a\"}");
    assert_string_equal(s.error.text, "");
    assert_int_equal(find(&s, "GET", "/", "h", ""), 0);
    assert_int_equal(find(&s, "GET", "/", "h", "x-CANARY:  1 \r\n"), 1);
    assert_int_equal(find(&s, "GET", "/", "h", "x-canary: 12\r\n"), 0);
    assert_int_equal(find(&s, "GET", "/", "h", "x-canary: 2\r\nx-canary: 1\r\n"), 1);
    assert_int_equal(find(&s, "GET", "/", "h", "x-canary: beta-7\r\n"), 2);
    assert_int_equal(find(&s, "GET", "/", "h", "x-canary: beta\r\n"), 0);
    assert_int_equal(find(&s, "GET", "/", "h", "x-a:\r\n"), 3);
    assert_int_equal(find(&s, "GET", "/", "h", "x-canary: 1\r\nx-a: 2\r\n"), 3);
    assert_int_equal(find(&s, "GET", "/", "h", "x-a: 2\r\nx-b:\r\n"), 0);
    free_sample(&s);
}

static void test_first_of_equals_wins(void **state)
{
    struct sample s;
    read_sample(&s, "{\"headers\":{\"x-a\":\"1\"},\"upstream\":\"a\"},"
                    "{\"headers\":{\"x-b\":\"1\"},\"upstream\":\"a\"}");
    assert_int_equal(find(&s, "GET", "/", "h", "x-b: 1\r\nx-a: 1\r\n"), 0);
    assert_int_equal(find(&s, "GET", "/", "h", "x-b: 1\r\n"), 1);
    free_sample(&s);
}

/* ---- what cannot be */

struct refusal {
    const char *routes, *message;
};

static const struct refusal refusals[] = {
    {"{\"upstream\":\"a\"},{\"path\":\"/\",\"upstream\":\"b\"}", "routes[0] (\"/\") takes all"},
    {"{\"exact\":\"/x\",\"upstream\":\"a\"},{\"exact\":\"/x\",\"upstream\":\"b\"}", "never match"},
    {"{\"host\":\"A.org\",\"upstream\":\"a\"},{\"host\":\"a.org\",\"upstream\":\"b\"}",
     "never match"},
    {"{\"host\":\"*.a.org\",\"upstream\":\"a\"},{\"host\":\"*.a.org\",\"upstream\":\"b\"}",
     "never match"},
    {"{\"methods\":[\"GET\",\"PUT\"],\"upstream\":\"a\"},"
     "{\"methods\":[\"PUT\"],\"upstream\":\"b\"}",
     "never match"},
    {"{\"headers\":{\"x-a\":{\"prefix\":\"b\"}},\"upstream\":\"a\"},"
     "{\"headers\":{\"X-A\":\"bc\"},\"upstream\":\"b\"}",
     "never match"},
    {"{\"path\":\"x\",\"upstream\":\"a\"}", "must start with"},
    {"{\"path\":\"/x?y\",\"upstream\":\"a\"}", "no request's path"},
    {"{\"exact\":\"/x y\",\"upstream\":\"a\"}", "no request's path"},
    {"{\"path\":\"/x\",\"exact\":\"/x\",\"upstream\":\"a\"}", "not both"},
    {"{\"host\":\"a.org:80\",\"upstream\":\"a\"}", "without a port"},
    {"{\"host\":\"a.*.org\",\"upstream\":\"a\"}", "no request's host"},
    {"{\"host\":\"*\",\"upstream\":\"a\"}", "no request's host"},
    {"{\"methods\":[\"G ET\"],\"upstream\":\"a\"}", "no method"},
    {"{\"headers\":{\"x a\":\"1\"},\"upstream\":\"a\"}", "name of a field"},
    {"{\"headers\":{\"x\":{\"exact\":\"1\",\"present\":false}},\"upstream\":\"a\"}", "in one way"},
    {"{\"path\":\"/\"}", "none of"},
    {"{\"upstream\":\"a\",\"redirect\":\"/\"}", "more than one"},
    {"{\"upstream\":\"aa\"}", "no upstream is called \"aa\""},
    {"{\"split\":[\"a\",\"c\"]}", "no upstream is called \"c\""},
    {"{\"split\":[{\"upstream\":\"a\",\"weight\":0}]}", "every weight"},
    {"{\"redirect\":\"nowhere\"}", "leads nowhere"},
    {"{\"redirect\":\"{host}\"}", "leads nowhere"},
    {"{\"redirect\":\"/{uri}\"}", "unknown part at \"{uri}\""},
    {"{\"redirect\":{\"location\":\"/\",\"status\":305}}", "no redirect's status"},
    {"{\"respond\":{\"status\":204,\"body\":\"x\"}}", "has no body"},
    {"{\"upstream\":\"a\",\"request_headers\":{\"set\":{\"Content-Length\":\"1\"}}}",
     "cannot be changed"},
    {"{\"upstream\":\"a\",\"response_headers\":{\"remove\":[\"connection\"]}}",
     "cannot be changed"},
    {"{\"upstream\":\"a\",\"request_headers\":{\"add\":{\"Host\":\"x\"}}}", "can only be set"},
    {"{\"upstream\":\"a\",\"request_headers\":{\"add\":{\"x\":\"a\\nb\"}}}", "control character"},
    {"{\"upstream\":\"a\",\"request_headers\":{\"set\":{\"x\":\"a\"},\"remove\":[\"X\"]}}",
     "both set and removed"},
};

static void test_refusals(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        struct sample s;
        read_sample(&s, refusals[i].routes);
        if (!strstr(s.error.text, refusals[i].message) || strncmp(s.error.text, "test:2:", 7) != 0)
            fail_msg("%s: \"%s\" lacks \"%s\"", refusals[i].routes, s.error.text,
                     refusals[i].message);
        free_sample(&s);
    }
}

static const char *const allowed[] = {
    "{\"upstream\":\"a\"},{\"methods\":[\"GET\"],\"upstream\":\"a\"}",
    "{\"methods\":[\"GET\"],\"upstream\":\"a\"},{\"methods\":[\"GET\",\"PUT\"],\"upstream\":\"a\"}",
    "{\"headers\":{\"x\":\"1\"},\"upstream\":\"a\"},{\"headers\":{\"x\":\"2\"},\"upstream\":\"a\"}",
    "{\"headers\":{\"x\":\"1\"},\"upstream\":\"a\"},"
    "{\"headers\":{\"x\":{\"prefix\":\"1\"}},\"upstream\":\"a\"}",
    "{\"host\":\"*.a.org\",\"upstream\":\"a\"},{\"host\":\"*.b.a.org\",\"upstream\":\"a\"},"
    "{\"host\":\"a.org\",\"upstream\":\"a\"}",
    "{\"exact\":\"/x\",\"upstream\":\"a\"},{\"path\":\"/x\",\"upstream\":\"a\"}",
    "{\"path\":\"/x/\",\"upstream\":\"a\"},{\"path\":\"/x\",\"upstream\":\"a\"}",
};

static void test_routes_that_only_overlap(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(allowed); i++) {
        struct sample s;
        read_sample(&s, allowed[i]);
        assert_string_equal(s.error.text, "");
        free_sample(&s);
    }
}

/* ---- targets */

static void test_own_timeouts_and_retries_replace_single_keys(void **state)
{
    struct sample s;
    read_sample(&s, "{\"split\":[\"a\",{\"upstream\":\"b\",\"weight\":3}],"
                    "\"timeout\":{\"response\":\"1s\"},\"retry\":{\"on\":[]}},"
                    "{\"path\":\"/plain\",\"upstream\":\"b\"}");
    assert_string_equal(s.error.text, "");
    const struct route_config *routes = s.config.routes.items;
    const struct route_target *target = routes[0].targets;
    assert_int_equal(routes[0].total_weight, 4);
    assert_int_equal(target->timeout->response.ns, NS_PER_S);
    assert_int_equal(target->timeout->connect.ns, 7 * NS_PER_S);
    assert_int_equal(target->retry->attempts, 5);
    assert_int_equal(target->retry->on, 0);
    assert_true(target->own_timeouts);
    assert_int_equal(target[1].retry->attempts, 2);
    assert_int_equal(routes[1].first_target, 2);
    assert_false(routes[1].targets->own_timeouts);
    free_sample(&s);
}

static void test_names(void **state)
{
    struct sample s;
    read_sample(&s, "{\"path\":\"/x\",\"upstream\":\"a\"},{\"name\":\"y\",\"upstream\":\"a\"},"
                    "{\"host\":\"*.a.org\",\"exact\":\"/x\",\"methods\":[\"GET\",\"PUT\"],"
                    "\"headers\":{\"x-a\":\"1\"},\"upstream\":\"a\"}");
    const struct route_config *routes = s.config.routes.items;
    assert_string_equal(routes[0].name, "/x");
    assert_string_equal(routes[1].name, "y");
    assert_string_equal(routes[2].name, "GET,PUT *.a.org=/x {x-a}");
    free_sample(&s);
}

/* ---- redirects */

struct redirect {
    const char *location, *path, *target, *expected;
};

static const struct redirect redirects[] = {
    {"https://{host}{path}{query}", "/", "/a/b?c=d", "https://h.org/a/b?c=d"},
    {"http://{authority}{path}", "/", "/a", "http://h.org:80/a"},
    {"https://b.org{path}", "/", "/a?c", "https://b.org/a"},
    {"https://b.org{rest}{query}", "/old", "/old/x?y", "https://b.org/x?y"},
    {"https://b.org{rest}", "/old", "/old", "https://b.org"},
    {"https://b.org{rest}", "/old/", "/old/x", "https://b.org/x"},
    {"/new{rest}", "/old", "/old/x", "/new/x"},
    {"{rest}", "/old", "/old", "/"},
    {"{rest}", "/old", "/old//evil.org/x", "/evil.org/x"},
    {"{path}", "/", "//evil.org", "/evil.org"},
    {"{path}", "/", "/\\/evil.org", "/evil.org"},
    {"/{rest}", "/old", "/old/evil.org", "/evil.org"},
    {"https://{host}{path}", "/", "*", "https://h.org/"},
};

static void test_redirects(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(redirects); i++) {
        char route[256], request[256];
        struct sample s;
        struct http_head head;
        struct buf out = {0};
        snprintf(route, sizeof(route), "{\"path\":\"%s\",\"redirect\":\"%s\"}", redirects[i].path,
                 redirects[i].location);
        read_sample(&s, route);
        assert_string_equal(s.error.text, "");
        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: h.org:80\r\n\r\n",
                 redirects[i].target);
        assert_null(http_parse_request(&head, request, strlen(request)));
        const struct route_query query = {.target = head.target, .head = &head};
        redirect_location(&out, s.config.routes.items, &query);
        buf_append(&out, "", 1);
        assert_string_equal(buf_head(&out), redirects[i].expected);
        buf_free(&out);
        free_sample(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_longest_prefix_wins),
        cmocka_unit_test(test_nothing_matches_without_a_root),
        cmocka_unit_test(test_exact_path_comes_before_any_prefix),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_host_comes_before_path),
        cmocka_unit_test(test_authority_comes_before_the_host_field),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_first_of_equals_wins),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_routes_that_only_overlap),
        cmocka_unit_test(test_own_timeouts_and_retries_replace_single_keys),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_redirects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
