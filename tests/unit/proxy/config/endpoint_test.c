/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/config/config_endpoint.h"

struct reading {
    struct conf_doc *doc;
    struct arena arena;
    struct error error;
    struct endpoint_config endpoint;
};

static enum result read(struct reading *reading, const char *text)
{
    *reading = (struct reading){0};
    assert_int_equal(conf_doc_parse(&reading->doc, "endpoint", text, strlen(text), &reading->error),
                     OK);
    return conf_read(reading->doc, conf_doc_root(reading->doc), &endpoint_conf_table,
                     &reading->endpoint, &reading->arena, &reading->error);
}

static void forget(struct reading *reading)
{
    conf_doc_free(&reading->doc);
    arena_free(&reading->arena);
}

static void names_are_taken_apart(void **state)
{
    static const struct {
        const char *dns, *host, *domain, *authority;
        unsigned port;
    } rows[] = {
        {"orders:80", "orders", "orders", "orders:80", 80},
        {"Orders.internal:9001", "Orders.internal", "Orders.internal", "Orders.internal:9001",
         9001},
        {"orders.internal.:9001", "orders.internal", "orders.internal", "orders.internal:9001",
         9001},
        {"1.a_b:65535", "1.a_b", "1.a_b", "1.a_b:65535", 65535},
        {"_http._tcp.orders.internal", "_http._tcp.orders.internal", "orders.internal",
         "orders.internal", 0},
        {"_http._tcp.orders.", "_http._tcp.orders", "orders", "orders", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct reading reading;
        char text[128];
        snprintf(text, sizeof(text), "{\"dns\": \"%s\"}", rows[i].dns);
        assert_int_equal(read(&reading, text), OK);
        const struct endpoint_config *endpoint = &reading.endpoint;
        assert_string_equal(endpoint->from.host, rows[i].host);
        assert_string_equal(endpoint->from.domain, rows[i].domain);
        assert_string_equal(endpoint_authority(endpoint), rows[i].authority);
        assert_string_equal(endpoint->name, rows[i].dns);
        assert_int_equal(endpoint->from.port, rows[i].port);
        assert_int_equal(endpoint_is_service(endpoint), rows[i].port == 0);
        assert_int_equal(endpoint->weight, 1);
        forget(&reading);
    }
}

static void an_address_is_its_own_name(void **state)
{
    struct reading reading;
    assert_int_equal(read(&reading, "\"127.0.0.1:80\""), OK);
    assert_string_equal(reading.endpoint.name, "127.0.0.1:80");
    assert_string_equal(endpoint_authority(&reading.endpoint), "127.0.0.1:80");
    assert_false(endpoint_is_service(&reading.endpoint));
    forget(&reading);
}

#define LABEL "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" /* 64 */

static void what_is_no_name_is_refused(void **state)
{
    static const struct {
        const char *text, *said;
    } rows[] = {
        {"{}", "\"address\" is missing (or \"dns\")"},
        {"{\"weight\": 2}", "\"address\" is missing (or \"dns\")"},
        {"{\"address\": \"127.0.0.1:1\", \"dns\": \"a:1\"}", "exclude each other"},
        {"\"orders:80\"", "or a name, as in {\"dns\": "},
        {"{\"dns\": \"orders\"}", "expected a name and a port"},
        {"{\"dns\": \"orders:\"}", "expected a name and a port"},
        {"{\"dns\": \"orders:0\"}", "expected a name and a port"},
        {"{\"dns\": \"orders:65536\"}", "expected a name and a port"},
        {"{\"dns\": \":80\"}", "expected a name and a port"},
        {"{\"dns\": \".:80\"}", "expected a name and a port"},
        {"{\"dns\": \"a..b:80\"}", "expected a name and a port"},
        {"{\"dns\": \"a b:80\"}", "expected a name and a port"},
        {"{\"dns\": \"http://a:80\"}", "expected a name and a port"},
        {"{\"dns\": \"10.0.0.300:80\"}", "expected a name and a port"},
        {"{\"dns\": \"" LABEL ":80\"}", "expected a name and a port"},
        {"{\"dns\": \"_http._tcp.orders:80\"}", "expected a name and a port"},
        {"{\"dns\": \"_http.orders\"}", "expected a name and a port"},
        {"{\"dns\": \"127.0.0.1:80\"}", "is an address, not a name"},
        {"{\"dns\": \"[::1]:80\"}", "is an address, not a name"},
        {"{\"dns\": \"_http._tcp.orders\", \"weight\": 2}", "weights of their own"},
        {"{\"dns\": \"orders:80\", \"weight\": 0}", "weight"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct reading reading;
        assert_int_equal(read(&reading, rows[i].text), FAILED_INPUT);
        if (!strstr(reading.error.text, rows[i].said))
            fail_msg("%s: %s", rows[i].text, reading.error.text);
        forget(&reading);
    }
}

static void a_name_is_no_longer_than_names_are(void **state)
{
    char text[512];
    for (int length = 252; length <= 254; length++) {
        struct reading reading;
        char host[256];
        for (int i = 0; i < length; i++)
            host[i] = i % 8 == 7 && i + 1 < length ? '.' : 'a';
        host[length] = '\0';
        snprintf(text, sizeof(text), "{\"dns\": \"%s:80\"}", host);
        assert_int_equal(read(&reading, text), length <= 253 ? OK : FAILED_INPUT);
        forget(&reading);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_taken_apart),
        cmocka_unit_test(an_address_is_its_own_name),
        cmocka_unit_test(what_is_no_name_is_refused),
        cmocka_unit_test(a_name_is_no_longer_than_names_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
