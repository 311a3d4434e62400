/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "lib/base/ip.h"
#include "lib/base/result.h"

static void writes_addresses_as_it_read_them(void **state)
{
    static const char *const texts[] = {
        "0.0.0.0", "127.0.0.1", "255.255.255.255", "10.20.30.4",
        "::",      "::1",       "2001:db8::ff",    "1:2:3:4:5:6:7:8"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct ip ip;
        char out[IP_TEXT];
        assert_true(ip_parse(&ip, texts[i], strlen(texts[i])));
        assert_int_equal(ip_format(&ip, out), strlen(texts[i]));
        assert_string_equal(out, texts[i]);
        assert_int_equal(ip_is_v4(&ip), i < 4);
    }
}

static void takes_a_mapped_address_for_the_ipv4_address_it_is(void **state)
{
    static const char mapped[] = "::ffff:192.0.2.1";
    const struct ip expected = IP_V4(192, 0, 2, 1);
    struct ip ip;
    assert_true(ip_parse(&ip, mapped, sizeof(mapped) - 1));
    assert_memory_equal(&ip, &expected, sizeof(ip));
}

static void refuses_what_is_no_address(void **state)
{
    static const char *const texts[] = {"",
                                        "1.2.3",
                                        "1.2.3.4.5",
                                        "1.2.3.256",
                                        "01.2.3.4",
                                        "1.2.3.4 ",
                                        "::1%lo",
                                        "::1::",
                                        "localhost",
                                        "[::1]",
                                        "1.2.3.4:80",
                                        "2001:db8::fffff",
                                        "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb"};
    struct ip ip;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_false(ip_parse(&ip, texts[i], strlen(texts[i])));
    assert_false(ip_parse(&ip, "1.2.3.4\0", 8));
}

static const struct {
    const char *network, *inside, *outside;
} networks[] = {
    {"10.0.0.0/8", "10.255.0.1", "11.0.0.0"},
    {"192.0.2.7", "192.0.2.7", "192.0.2.6"},
    {"192.0.2.6/31", "192.0.2.7", "192.0.2.8"},
    {"0.0.0.0/0", "203.0.113.9", "::1"},
    {"::/0", "2001:db8::1", "203.0.113.9"},
    {"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"},
    {"::1", "::1", "::2"},
    {"::ffff:0:0/96", "203.0.113.9", "::1"},
};

static void tells_who_belongs_to_a_network(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(networks); i++) {
        struct ip_network network;
        struct ip inside, outside;
        assert_true(ip_network_parse(&network, networks[i].network));
        assert_true(ip_parse(&inside, networks[i].inside, strlen(networks[i].inside)));
        assert_true(ip_parse(&outside, networks[i].outside, strlen(networks[i].outside)));
        assert_true(ip_network_has(&network, &inside));
        assert_false(ip_network_has(&network, &outside));
    }
}

static void refuses_what_is_no_network(void **state)
{
    static const char *const texts[] = {"",           "/8",          "10.0.0.1/8",  "10.0.0.0/33",
                                        "10.0.0.0/",  "10.0.0.0/08", "10.0.0.0/-1", "10.0.0.0/8/8",
                                        "::1/127",    "::/129",      "example.com", "10.0.0.0/ 8",
                                        "10.0.0.0/8x"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct ip_network network;
        assert_false(ip_network_parse(&network, texts[i]));
    }
}

static const struct {
    const char *text, *written;
} peers[] = {
    {"192.0.2.1", "192.0.2.1"},
    {"192.0.2.1:80", "192.0.2.1:80"},
    {"192.0.2.1:65535", "192.0.2.1:65535"},
    {"2001:db8::1", "2001:db8::1"},
    {"[2001:db8::1]", "2001:db8::1"},
    {"[2001:db8::1]:4711", "[2001:db8::1]:4711"},
    {"[::ffff:192.0.2.1]:80", "192.0.2.1:80"},
    {"192.0.2.1:0", "192.0.2.1"},
};

static void reads_peers_with_and_without_a_port(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(peers); i++) {
        struct ip_peer peer;
        char out[IP_PEER_TEXT];
        assert_true(ip_peer_parse(&peer, peers[i].text, strlen(peers[i].text)));
        assert_int_equal(ip_peer_format(&peer, out), strlen(peers[i].written));
        assert_string_equal(out, peers[i].written);
    }
}

static void refuses_what_is_no_peer(void **state)
{
    static const char *const texts[] = {"",
                                        "unknown",
                                        "_hidden",
                                        "192.0.2.1:",
                                        "192.0.2.1:65536",
                                        "192.0.2.1:080",
                                        "192.0.2.1:8a",
                                        "[::1",
                                        "[::1]80",
                                        "[::1]:",
                                        "[]",
                                        "[192.0.2.1]",
                                        "::1]:80",
                                        "[::1]:123456",
                                        ":80",
                                        "a.b.c.d"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct ip_peer peer;
        if (ip_peer_parse(&peer, texts[i], strlen(texts[i])))
            fail_msg("'%s' was taken", texts[i]);
    }
}

static void writes_peers_without_an_address(void **state)
{
    struct ip_peer peer = {.kind = IP_PEER_UNIX};
    char out[IP_PEER_TEXT];
    assert_int_equal(ip_peer_format(&peer, out), 5);
    assert_string_equal(out, "unix:");
    peer.kind = IP_PEER_UNKNOWN;
    assert_int_equal(ip_peer_format(&peer, out), 0);
    assert_string_equal(out, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_addresses_as_it_read_them),
        cmocka_unit_test(takes_a_mapped_address_for_the_ipv4_address_it_is),
        cmocka_unit_test(refuses_what_is_no_address),
        cmocka_unit_test(tells_who_belongs_to_a_network),
        cmocka_unit_test(refuses_what_is_no_network),
        cmocka_unit_test(reads_peers_with_and_without_a_port),
        cmocka_unit_test(refuses_what_is_no_peer),
        cmocka_unit_test(writes_peers_without_an_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
