/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/result.h"
#include "lib/http/forwarded.h"
#include "tests/unit/http/sample.h"

/* The peers of a field's elements, "-" for those that are not known, with spaces between. */
static void expect(const char *value, const char *expected)
{
    char text[256] = "", *copy = sample_copy(value, strlen(value));
    struct http_span rest = {copy, (uint32_t)strlen(value)};
    struct ip_peer peer;
    while (forwarded_next(&rest, &peer)) {
        char one[IP_PEER_TEXT];
        strcat(text, *text ? " " : "");
        strcat(text, ip_peer_format(&peer, one) ? one : "-");
    }
    free(copy);
    assert_string_equal(text, expected);
}

static void reads_elements(void **state)
{
    expect("", "");
    expect("for=192.0.2.1", "192.0.2.1");
    expect("For=192.0.2.1;proto=https;by=203.0.113.43", "192.0.2.1");
    expect("proto=https; for=192.0.2.1 ;host=\"a,b;c\"", "192.0.2.1");
    expect("for=192.0.2.1, for=198.51.100.17", "192.0.2.1 198.51.100.17");
    expect("for=\"192.0.2.1:80\",for=\"[2001:db8::1]:4711\"", "192.0.2.1:80 [2001:db8::1]:4711");
    expect("for=\"[2001:db8::1]\"", "2001:db8::1");
    expect("for=192.0.2.1;;proto=http;", "192.0.2.1");
    expect("ext=\"a\\\"b\";for=192.0.2.1", "192.0.2.1");
}

static void does_not_know_who_hides(void **state)
{
    expect("for=unknown, for=_hidden, for=\"_x:_y\"", "- - -");
    expect("proto=http", "-");
    expect(", for=192.0.2.1,", "- 192.0.2.1");
    expect("for=192.0.2.1;for=192.0.2.2", "-");
    expect("for=example.com", "-");
    expect("for=\"192.0\\.2.1\"", "-");
}

static void goes_on_behind_what_is_malformed(void **state)
{
    expect("for=\"evil, for=192.0.2.1", "- 192.0.2.1");
    expect("for=\"evil, for=\"[2001:db8::1]\"", "- 2001:db8::1");
    expect("for, for=192.0.2.1", "- 192.0.2.1");
    expect("for=, for=192.0.2.1", "- 192.0.2.1");
    expect("for=192.0.2.9 x, for=192.0.2.1", "- 192.0.2.1");
    expect("for=\"x\"y, for=192.0.2.1", "- 192.0.2.1");
    expect("for=\"evil\\", "-");
    expect("(", "-");
}

static const char *written(struct buf *out, const char *peer_text, const char *host)
{
    struct ip_peer peer = {.kind = IP_PEER_UNKNOWN};
    struct http_span span = {host, (uint32_t)strlen(host)};
    if (*peer_text)
        assert_true(ip_peer_parse(&peer, peer_text, strlen(peer_text)));
    buf_clear(out);
    forwarded_append(out, &peer, span, "http");
    buf_append(out, "", 1);
    return buf_head(out);
}

static void quotes_what_is_no_token(void **state)
{
    struct buf out = {0};
    assert_string_equal(written(&out, "192.0.2.1:80", "example.com"),
                        "for=192.0.2.1;host=example.com;proto=http");
    assert_string_equal(written(&out, "[2001:db8::1]:80", "example.com:8080"),
                        "for=\"[2001:db8::1]\";host=\"example.com:8080\";proto=http");
    assert_string_equal(written(&out, "", ""), "for=unknown;proto=http");
    buf_free(&out);
}

static void reads_what_it_wrote(void **state)
{
    struct buf out = {0};
    expect(written(&out, "2001:db8::1", "[::1]:80"), "2001:db8::1");
    expect(written(&out, "192.0.2.1", "a"), "192.0.2.1");
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_elements),
        cmocka_unit_test(does_not_know_who_hides),
        cmocka_unit_test(goes_on_behind_what_is_malformed),
        cmocka_unit_test(quotes_what_is_no_token),
        cmocka_unit_test(reads_what_it_wrote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
