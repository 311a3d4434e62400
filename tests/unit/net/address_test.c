/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "lib/net/address.h"

static void reads_and_writes_each_form(void **state)
{
    static const struct {
        const char *text, *written;
        int family;
    } cases[] = {
        {"127.0.0.1:80", "127.0.0.1:80", AF_INET},
        {"0.0.0.0:0", "0.0.0.0:0", AF_INET},
        {"255.255.255.255:65535", "255.255.255.255:65535", AF_INET},
        {"localhost:8080", "127.0.0.1:8080", AF_INET},
        {"[::1]:443", "[::1]:443", AF_INET6},
        {"[::]:1", "[::]:1", AF_INET6},
        {"[FE80:0:0::1]:9", "[fe80::1]:9", AF_INET6},
        {"[::ffff:127.0.0.1]:9", "[::ffff:127.0.0.1]:9", AF_INET6},
        {"unix:/run/a socket", "unix:/run/a socket", AF_UNIX},
        {"unix:relative:80", "unix:relative:80", AF_UNIX},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct address address;
        char out[ADDRESS_TEXT];
        assert_true(address_parse(&address, cases[i].text));
        assert_int_equal(address.u.any.sa_family, cases[i].family);
        assert_ptr_equal(address_format(&address, out, sizeof(out)), out);
        assert_string_equal(out, cases[i].written);
    }
}

static void refuses_everything_else(void **state)
{
    static const char *const texts[] = {
        "",
        ":",
        ":80",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:99999",
        "127.0.0.1:100000",
        "127.0.0.1:-1",
        "127.0.0.1:+1",
        "127.0.0.1: 80",
        "127.0.0.1:80 ",
        "127.0.0.1:8o",
        "127.0.0.1:0x50",
        "127.0.0:80",
        "127.0.0.256:80",
        "127.0.0.1.1:80",
        " 127.0.0.1:80",
        "example.com:80",
        "LOCALHOST:80",
        "::1:80",
        "[::1]",
        "[::1]80",
        "[::1:80",
        "[:80",
        "[]:80",
        "::1]:80",
        "[127.0.0.1]:80",
        "[::1%lo]:80",
        "[::1]:",
        "[[::1]]:80",
        "http://127.0.0.1:80",
        "unix:",
        "0000000000000000000000000000000000000000000000000000000000000000127.0.0.1:80",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct address address;
        if (address_parse(&address, texts[i]))
            print_error("'%s' was taken\n", texts[i]);
        assert_false(address_parse(&address, texts[i]));
    }
}

static void bounds_the_path_of_a_unix_socket(void **state)
{
    struct address address;
    char text[256] = "unix:";
    char out[ADDRESS_TEXT];
    memset(text + 5, 'p', sizeof(address.u.un.sun_path));
    assert_false(address_parse(&address, text));
    text[5 + sizeof(address.u.un.sun_path) - 1] = '\0';
    assert_true(address_parse(&address, text));
    assert_string_equal(address_format(&address, out, sizeof(out)), text);
}

static void cuts_what_does_not_fit(void **state)
{
    struct address address;
    char out[8];
    assert_true(address_parse(&address, "127.0.0.1:80"));
    assert_string_equal(address_format(&address, out, sizeof(out)), "127.0.0");
}

static void tells_both_ends_of_a_socket(void **state)
{
    struct address address, bound;
    char text[ADDRESS_TEXT], other[ADDRESS_TEXT];
    int listening = socket(AF_INET, SOCK_STREAM, 0), dialled = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(address_parse(&address, "127.0.0.1:0"));
    assert_int_equal(bind(listening, &address.u.any, address.length), 0);
    assert_int_equal(listen(listening, 1), 0);
    assert_true(address_of_socket(&bound, listening));
    assert_int_not_equal(bound.u.in.sin_port, 0);
    assert_int_equal(connect(dialled, &bound.u.any, bound.length), 0);
    assert_true(address_of_peer(&address, dialled));
    assert_string_equal(address_format(&address, text, sizeof(text)),
                        address_format(&bound, other, sizeof(other)));
    assert_false(address_of_peer(&address, listening));
    close(listening);
    close(dialled);
    assert_false(address_of_socket(&address, -1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes_each_form),
        cmocka_unit_test(refuses_everything_else),
        cmocka_unit_test(bounds_the_path_of_a_unix_socket),
        cmocka_unit_test(cuts_what_does_not_fit),
        cmocka_unit_test(tells_both_ends_of_a_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
