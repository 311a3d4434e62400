/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lab/analysis/agenda.h"

static void test_order(void **state)
{
    (void)state;
    struct agenda agenda = {0};
    struct agenda_event event;
    assert_false(agenda_next(&agenda, &event));
    for (uint32_t i = 0; i < 5000; i++)
        agenda_enter(&agenda, (struct agenda_event){.at = (int64_t)(i * 7919 % 100), .subject = i});
    int64_t last = -1;
    uint32_t before = 0;
    for (uint32_t i = 0; i < 5000; i++) {
        assert_true(agenda_next(&agenda, &event));
        assert_true(event.at > last || (event.at == last && event.subject > before));
        last = event.at;
        before = event.subject;
    }
    assert_false(agenda_next(&agenda, &event));
    agenda_free(&agenda);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
