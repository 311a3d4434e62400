/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lab/analysis/recovery.h"

enum { MOST = 64 };

/* A slot for each letter: "." all succeed, "x" none, "-" four of five do, " " hardly a request. */
static struct recovery judged(const char *run, size_t began, size_t ended, size_t hold)
{
    struct recovery_slot slots[MOST];
    struct recovery recovery;
    size_t count = strlen(run);
    for (size_t i = 0; i < count; i++) {
        uint32_t requests = run[i] == ' ' ? 2 : 20;
        uint32_t good = run[i] == '.' ? 20 : run[i] == '-' ? 16 : 0;
        slots[i] = (struct recovery_slot){requests, good, run[i] == '.' ? requests : 2 * requests};
    }
    recovery_judge(&recovery, slots, count, began, ended, hold);
    return recovery;
}

static void it_is_back_when_it_holds(void **state)
{
    (void)state;
    struct recovery recovery = judged("......xxxx..........", 6, 8, 3);
    assert_int_equal(recovery.verdict, RECOVERY_RECOVERED);
    assert_int_equal(recovery.slots, 2);
    assert_true(recovery.before == 1 && recovery.after == 1 && recovery.load == 2);
    /* A single good slot is not it. */
    assert_int_equal(judged("......xxxx.x........", 6, 8, 3).slots, 4);
    /* A bad one later does not undo it. */
    assert_int_equal(judged("......xx.......x....", 6, 8, 3).slots, 0);
    /* A slot that says nothing neither helps nor hurts. */
    assert_int_equal(judged("......xxx. .........", 6, 8, 3).slots, 1);
}

static void it_may_not_come_back(void **state)
{
    (void)state;
    struct recovery recovery = judged("......xxxxxxxxxxxxxx", 6, 8, 3);
    assert_int_equal(recovery.verdict, RECOVERY_NOT_WITHIN);
    assert_true(recovery.after == 0 && recovery.load == 2);
    assert_int_equal(recovery.watched, 12);
    /* Four of five are not as good as before; two good slots at the end do not hold. */
    assert_int_equal(judged("......xx------------", 6, 8, 3).verdict, RECOVERY_NOT_WITHIN);
    assert_int_equal(judged("......xxxxxxxxxxxx..", 6, 8, 3).verdict, RECOVERY_NOT_WITHIN);
}

static void what_cannot_be_told_is_not(void **state)
{
    (void)state;
    assert_int_equal(judged("...xxxxx............", 3, 5, 3).verdict, RECOVERY_UNKNOWN_BEFORE);
    assert_int_equal(judged("......xxxx...", 6, 8, 3).verdict, RECOVERY_CUT_OFF);
    assert_int_equal(judged("------xxxx..........", 6, 8, 3).verdict, RECOVERY_UNWELL_BEFORE);
    assert_int_equal(judged("....................", 6, 8, 3).verdict, RECOVERY_UNTOUCHED);
    assert_int_equal(judged("...   xx            ", 6, 8, 3).verdict, RECOVERY_SPARSE);
    assert_int_equal(judged("......xxxx", 6, 40, 3).verdict, RECOVERY_CUT_OFF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_back_when_it_holds),
        cmocka_unit_test(it_may_not_come_back),
        cmocka_unit_test(what_cannot_be_told_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
