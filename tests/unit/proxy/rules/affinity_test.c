/* SPDX-License-Identifier: MIT */
/* What the key of a consistent hash is made of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/hash.h"
#include "proxy/rules/affinity.h"

static const uint64_t client = 77;

/* The key of a request for `target` with further field lines. */
static uint64_t key_of(enum hash_key by, const char *name, const char *target, const char *fields,
                       struct rng *rng)
{
    const struct balance_config config = {.by = (int)by, .name = name};
    struct http_head head;
    char text[512];
    int length =
        snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n", target, fields);
    assert_null(http_parse_request(&head, text, (size_t)length));
    return affinity_key(&config, &head, client, rng);
}

static uint64_t hash(const char *text)
{
    return hash_bytes(0, text, strlen(text));
}

static void test_path_without_query(void **state)
{
    struct rng rng;
    rng_init(&rng, 1);
    assert_true(key_of(HASH_PATH, NULL, "/a/b?q=1", "", &rng) == hash("/a/b"));
    assert_true(key_of(HASH_PATH, NULL, "/a/c", "", &rng) != hash("/a/b"));
}

static void test_header(void **state)
{
    struct rng rng;
    rng_init(&rng, 1);
    assert_true(key_of(HASH_HEADER, "x-user", "/", "X-User: alice\r\n", &rng) == hash("alice"));
    assert_true(key_of(HASH_HEADER, "x-user", "/", "X-User:\r\n", &rng) == hash(""));
}

static void test_cookie(void **state)
{
    struct rng rng;
    rng_init(&rng, 1);
    assert_true(key_of(HASH_COOKIE, "sid", "/", "Cookie: a=1; sid=abc; b=2\r\n", &rng) ==
                hash("abc"));
    assert_true(key_of(HASH_COOKIE, "sid", "/", "Cookie: a=1\r\ncookie: sid=abc\r\n", &rng) ==
                hash("abc"));
    assert_true(key_of(HASH_COOKIE, "sid", "/", "Cookie: xsid=no;sid=\r\n", &rng) == hash(""));
}

static void test_without_a_key_it_is_any(void **state)
{
    static const char *const fields[] = {"", "Cookie: \r\n", "Cookie: sid; xsid=1; SID=2;\r\n"};
    struct rng rng;
    rng_init(&rng, 1);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        assert_true(key_of(HASH_COOKIE, "sid", "/", fields[i], &rng) !=
                    key_of(HASH_COOKIE, "sid", "/", fields[i], &rng));
    assert_true(key_of(HASH_HEADER, "x-user", "/", "", &rng) !=
                key_of(HASH_HEADER, "x-user", "/", "", &rng));
}

static uint64_t of_address(const char *text)
{
    struct ip_peer peer = {.kind = IP_PEER_UNIX};
    if (*text)
        assert_true(ip_peer_parse(&peer, text, strlen(text)));
    return affinity_of_client(&peer);
}

static void test_client_without_port(void **state)
{
    struct rng rng;
    rng_init(&rng, 1);
    assert_true(key_of(HASH_CLIENT, NULL, "/", "", &rng) == client);
    assert_true(of_address("10.0.0.1:80") == of_address("10.0.0.1:81"));
    assert_true(of_address("10.0.0.1:80") != of_address("10.0.0.2:80"));
    assert_true(of_address("[2001:db8::1]:80") == of_address("[2001:db8::1]:81"));
    assert_true(of_address("[2001:db8::1]:80") != of_address("[2001:db8::2]:80"));
    assert_true(of_address("") == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path_without_query),
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_cookie),
        cmocka_unit_test(test_without_a_key_it_is_any),
        cmocka_unit_test(test_client_without_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
