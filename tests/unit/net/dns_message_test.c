/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/net/dns_message.h"

/* A head for one question and `answers` answers, and the question: "a.b", A, IN. */
#define HEAD(answers) \
    0x12, 0x34, 0x81, 0x80, 0, 1, 0, (answers), 0, 0, 0, 0, 1, 'a', 1, 'b', 0, 0, 1, 0, 1
/* An answer's owner as a pointer to the question's name, with its type and class. */
#define OWNER(type) 0xc0, 12, 0, (type), 0, 1

static const uint8_t two[] = {
    HEAD(2),  OWNER(5), 0, 0, 1,  44, 0, 2,    0xc0, 12,    /* an alias, 300 s */
    OWNER(1), 0,        0, 0, 60, 0,  4, 127,  0,    0,  1, /* 60 s */
    OWNER(2), 0,        0, 0, 1,  0,  2, 0xc0, 12,          /* behind the answers: 1 s */
};

static void the_least_of_the_answers_counts(void **state)
{
    uint32_t ttl;
    assert_true(dns_least_ttl(two, sizeof(two), &ttl));
    assert_int_equal(ttl, 60);
}

static void an_alias_counts(void **state)
{
    static const uint8_t message[] = {
        HEAD(2), OWNER(5), 0, 0, 0, 7, 0, 2, 0xc0, 12,                      /* 7 s */
        1,       'c',      0, 0, 1, 0, 1, 0, 0,    1,  0, 0, 4, 1, 2, 3, 4, /* "c", 256 s */
    };
    uint32_t ttl;
    assert_true(dns_least_ttl(message, sizeof(message), &ttl));
    assert_int_equal(ttl, 7);
}

static void the_highest_bit_makes_it_nothing(void **state)
{
    static const uint8_t message[] = {HEAD(1), OWNER(1), 0x80, 0, 0, 60, 0, 4, 1, 2, 3, 4};
    uint32_t ttl;
    assert_true(dns_least_ttl(message, sizeof(message), &ttl));
    assert_int_equal(ttl, 0);
}

static void without_an_answer_there_is_none(void **state)
{
    static const uint8_t message[] = {HEAD(0)};
    uint32_t ttl;
    assert_false(dns_least_ttl(message, sizeof(message), &ttl));
}

/* Every copy is as long as it is: a byte read behind its end is one that the sanitizers see. */
static void what_is_cut_off_is_refused(void **state)
{
    size_t whole = sizeof(two) - 14;
    for (size_t length = 0; length < whole; length++) {
        uint8_t *cut = test_malloc(length + 1);
        uint32_t ttl;
        memcpy(cut, two, length);
        assert_false(dns_least_ttl(cut, length, &ttl));
        test_free(cut);
    }
    uint32_t ttl;
    assert_true(dns_least_ttl(two, whole, &ttl));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_of_the_answers_counts),
        cmocka_unit_test(an_alias_counts),
        cmocka_unit_test(the_highest_bit_makes_it_nothing),
        cmocka_unit_test(without_an_answer_there_is_none),
        cmocka_unit_test(what_is_cut_off_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
