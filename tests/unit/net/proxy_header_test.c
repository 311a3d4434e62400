/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/result.h"
#include "lib/net/proxy_header.h"

enum { ANY = PROXY_HEADER_V1 | PROXY_HEADER_V2 };

#define SIGNATURE   "\r\n\r\n\0\r\nQUIT\n"
#define BYTES(text) text, sizeof(text) - 1

/* Reads from a heap copy of exactly these bytes, so that reading past the end is seen. */
static const char *read_copy(struct proxy_header *header, unsigned versions, const char *bytes,
                             size_t length, size_t *used)
{
    char *copy = malloc(length ? length : 1);
    memcpy(copy, bytes, length);
    const char *problem = proxy_header_read(header, versions, copy, length, used);
    free(copy);
    return problem;
}

/* The whole is a header with these ends, and no part of it is more than the start of one. */
static void expect(const char *bytes, size_t length, const char *source, const char *destination)
{
    struct proxy_header header;
    char text[IP_PEER_TEXT];
    size_t used;
    for (size_t n = 0; n < length; n++) {
        assert_null(read_copy(&header, ANY, bytes, n, &used));
        assert_int_equal(used, 0);
    }
    assert_null(read_copy(&header, ANY, bytes, length, &used));
    assert_int_equal(used, length);
    ip_peer_format(&header.source, text);
    assert_string_equal(text, source);
    ip_peer_format(&header.destination, text);
    assert_string_equal(text, destination);
}

static void expect_wrong(unsigned versions, const char *bytes, size_t length)
{
    struct proxy_header header;
    size_t used;
    if (!read_copy(&header, versions, bytes, length, &used))
        fail_msg("'%.*s' was taken", (int)length, bytes);
    assert_int_equal(used, 0);
    assert_int_equal(header.source.kind, IP_PEER_UNKNOWN);
}

/* ---- version 1 */

#define LONGEST_V6 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"

static void reads_lines(void **state)
{
    expect(BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n"), "192.0.2.1:56324",
           "198.51.100.2:443");
    expect(BYTES("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"),
           "255.255.255.255:65535", "255.255.255.255:65535");
    expect(BYTES("PROXY TCP6 2001:db8::1 ::1 1 0\r\n"), "[2001:db8::1]:1", "::1");
    expect(BYTES("PROXY TCP6 " LONGEST_V6 " " LONGEST_V6 " 65535 65535\r\n"),
           "[" LONGEST_V6 "]:65535", "[" LONGEST_V6 "]:65535");
    expect(BYTES("PROXY UNKNOWN\r\n"), "", "");
    expect(BYTES("PROXY UNKNOWN \r\n"), "", "");
    expect(BYTES("PROXY UNKNOWN " LONGEST_V6 " " LONGEST_V6 " 65535 65535\r\n"), "", "");
}

static void leaves_what_follows_alone(void **state)
{
    static const char bytes[] = "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET / HTTP/1.1\r\n";
    struct proxy_header header;
    size_t used;
    assert_null(read_copy(&header, ANY, BYTES(bytes), &used));
    assert_int_equal(used, strlen("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"));
}

static void refuses_lines_that_are_nearly_right(void **state)
{
    static const char *const lines[] = {
        "GET / HTTP/1.1\r\n",
        "proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY\tTCP4 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY TCP4 192.0.2.1  192.0.2.2 1 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1  2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2\r\n",
        "PROXY TCP4 192.0.2.1\r\n",
        "PROXY TCP4\r\n",
        "PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY TCP 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY UNKNOW\r\n",
        "PROXY \r\n",
        "PROXY TCP4 ::1 ::1 1 2\r\n",
        "PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY TCP6 [::1] [::1] 1 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.256 1 2\r\n",
        "PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2a\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 \r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\rx",
        "PROXY UNKNOWN a\nb\r\n",
        "\r\nPROXY UNKNOWN\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        expect_wrong(ANY, lines[i], strlen(lines[i]));
    expect_wrong(ANY, BYTES("PROXY TCP4 192.0.2.1\0 192.0.2.2 1 2\r\n"));
}

static void bounds_a_line_at_107_bytes(void **state)
{
    char line[PROXY_HEADER_V1_MOST + 1];
    memset(line, 'x', sizeof(line));
    memcpy(line, BYTES("PROXY UNKNOWN "));
    memcpy(line + PROXY_HEADER_V1_MOST - 2, "\r\n", 2);
    expect(line, PROXY_HEADER_V1_MOST, "", "");
    memcpy(line + PROXY_HEADER_V1_MOST - 2, "x\r\n", 3);
    expect_wrong(ANY, line, PROXY_HEADER_V1_MOST);
    expect_wrong(ANY, line, PROXY_HEADER_V1_MOST + 1);
}

/* ---- version 2 */

#define INET_ENDS "\xc0\x00\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb"
#define CHECKSUM  "\xf1\x80\x50\x0a" /* of the block below, by a bitwise CRC-32C */
#define INET6_ENDS                               \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01" \
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\x01\0\x02"

static void reads_blocks(void **state)
{
    expect(BYTES(SIGNATURE "\x21\x11\0\x0c" INET_ENDS), "192.0.2.1:56324", "198.51.100.2:443");
    expect(BYTES(SIGNATURE "\x21\x12\0\x0c" INET_ENDS), "192.0.2.1:56324", "198.51.100.2:443");
    expect(BYTES(SIGNATURE "\x21\x21\0\x24" INET6_ENDS), "[2001:db8::1]:1", "[::1]:2");
    expect(BYTES(SIGNATURE "\x21\x00\0\x00"), "", "");
    expect(BYTES(SIGNATURE "\x21\x00\0\x03"
                           "abc"),
           "", "");
    expect(BYTES(SIGNATURE "\x20\x00\0\x00"), "", "");
    expect(BYTES(SIGNATURE "\x20\xff\0\x03"
                           "abc"),
           "", "");
    expect(BYTES(SIGNATURE "\x20\x11\0\x0c" INET_ENDS), "", "");
}

static void reads_a_unix_socket(void **state)
{
    char block[PROXY_HEADER_V2_FIXED + 216] = SIGNATURE "\x21\x31\0\xd8/run/a.sock";
    expect(block, sizeof(block), "unix:", "unix:");
    block[15]--;
    expect_wrong(ANY, block, sizeof(block) - 1);
}

static void refuses_blocks_that_are_nearly_right(void **state)
{
    expect_wrong(ANY, BYTES("\r\n\r\n\0\r\nQUIT\r"));
    expect_wrong(ANY, BYTES("\r\n\r\n\r"));
    expect_wrong(ANY, BYTES(SIGNATURE "\x11"));
    expect_wrong(ANY, BYTES(SIGNATURE "\x31"));
    expect_wrong(ANY, BYTES(SIGNATURE "\x22"));
    expect_wrong(ANY, BYTES(SIGNATURE "\x2f"));
    expect_wrong(ANY, BYTES(SIGNATURE "\x21\x41\0\x0c" INET_ENDS));
    expect_wrong(ANY, BYTES(SIGNATURE "\x21\x13\0\x0c" INET_ENDS));
    expect_wrong(ANY, BYTES(SIGNATURE "\x21\x11\0\x0b" INET_ENDS));
    expect_wrong(ANY, BYTES(SIGNATURE "\x21\x11\0\x00"));
    expect_wrong(ANY, BYTES(SIGNATURE "\x21\x21\0\x0c" INET_ENDS));
}

static void skips_tlvs(void **state)
{
    expect(BYTES(SIGNATURE "\x21\x11\0\x0f" INET_ENDS "\x04\0\0"), "192.0.2.1:56324",
           "198.51.100.2:443");
    expect(BYTES(SIGNATURE "\x21\x11\0\x18" INET_ENDS "\x02\0\x03"
                           "a.b"
                           "\x20\0\x03"
                           "xyz"),
           "192.0.2.1:56324", "198.51.100.2:443");
    expect_wrong(ANY, BYTES(SIGNATURE "\x21\x11\0\x0d" INET_ENDS "\x04"));
    expect_wrong(ANY, BYTES(SIGNATURE "\x21\x11\0\x0e" INET_ENDS "\x04\0"));
    expect_wrong(ANY, BYTES(SIGNATURE "\x21\x11\0\x10" INET_ENDS "\x04\0\x02"
                                      "a"));
    expect_wrong(ANY, BYTES(SIGNATURE "\x21\x11\0\x10" INET_ENDS "\x04\xff\xff"
                                      "a"));
}

static void checks_a_checksum(void **state)
{
    char block[] = SIGNATURE "\x21\x11\0\x17" INET_ENDS "\x03\0\x04" CHECKSUM "\x04\0\x01x";
    size_t length = sizeof(block) - 1;
    expect(block, length, "192.0.2.1:56324", "198.51.100.2:443");
    for (size_t i = PROXY_HEADER_V2_FIXED; i < length; i++) {
        bool frames = i >= 28 && (i <= 30 || (i >= 35 && i <= 37)); /* types and lengths */
        block[i] ^= 1;
        if (!frames)
            expect_wrong(ANY, block, length);
        block[i] ^= 1;
    }
    expect_wrong(ANY, BYTES(SIGNATURE "\x21\x11\0\x12" INET_ENDS "\x03\0\x03"
                                      "abc"));
}

static void reads_the_largest_block(void **state)
{
    static char block[PROXY_HEADER_V2_MOST] = SIGNATURE "\x21\x11\xff\xff" INET_ENDS "\x04\xff\xf0";
    struct proxy_header header;
    size_t used;
    assert_null(read_copy(&header, ANY, block, sizeof(block) - 1, &used));
    assert_int_equal(used, 0);
    assert_null(read_copy(&header, ANY, block, sizeof(block), &used));
    assert_int_equal(used, sizeof(block));
}

/* ---- both */

static void takes_only_the_versions_asked_for(void **state)
{
    static const char v1[] = "PROXY UNKNOWN\r\n", v2[] = SIGNATURE "\x20\0\0\0";
    struct proxy_header header;
    size_t used;
    expect_wrong(PROXY_HEADER_V2, BYTES(v1));
    expect_wrong(PROXY_HEADER_V1, BYTES(v2));
    assert_null(proxy_header_read(&header, PROXY_HEADER_V1, BYTES(v1), &used));
    assert_null(proxy_header_read(&header, PROXY_HEADER_V2, BYTES(v2), &used));
}

static void expect_written(const char *source, const char *destination)
{
    for (enum proxy_header_version version = PROXY_HEADER_V1; version <= PROXY_HEADER_V2;
         version++) {
        struct ip_peer from = {.kind = IP_PEER_UNIX}, to = {.kind = IP_PEER_UNIX};
        char out[PROXY_HEADER_WRITTEN];
        if (*source) {
            assert_true(ip_peer_parse(&from, source, strlen(source)));
            assert_true(ip_peer_parse(&to, destination, strlen(destination)));
        }
        size_t length = proxy_header_write(out, version, &from, &to);
        assert_in_range(length, 1, PROXY_HEADER_WRITTEN - 1);
        expect(out, length, source, destination);
    }
}

static void reads_what_it_wrote(void **state)
{
    expect_written("192.0.2.1:56324", "198.51.100.2:443");
    expect_written("[2001:db8::1]:1", "[::1]:65535");
    expect_written("[" LONGEST_V6 "]:65535", "[" LONGEST_V6 "]:65535");
    expect_written("192.0.2.1:1", "[2001:db8::1]:2");
    expect_written("[2001:db8::1]:2", "192.0.2.1:1");
    expect_written("", "");
}

static void writes_a_connection_of_its_own(void **state)
{
    char out[PROXY_HEADER_WRITTEN];
    assert_int_equal(proxy_header_write_own(out, PROXY_HEADER_V1), 15);
    assert_memory_equal(out, "PROXY UNKNOWN\r\n", 15);
    assert_int_equal(proxy_header_write_own(out, PROXY_HEADER_V2), 16);
    assert_memory_equal(out, SIGNATURE "\x20\0\0\0", 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_lines),
        cmocka_unit_test(leaves_what_follows_alone),
        cmocka_unit_test(refuses_lines_that_are_nearly_right),
        cmocka_unit_test(bounds_a_line_at_107_bytes),
        cmocka_unit_test(reads_blocks),
        cmocka_unit_test(reads_a_unix_socket),
        cmocka_unit_test(refuses_blocks_that_are_nearly_right),
        cmocka_unit_test(skips_tlvs),
        cmocka_unit_test(checks_a_checksum),
        cmocka_unit_test(reads_the_largest_block),
        cmocka_unit_test(takes_only_the_versions_asked_for),
        cmocka_unit_test(reads_what_it_wrote),
        cmocka_unit_test(writes_a_connection_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
