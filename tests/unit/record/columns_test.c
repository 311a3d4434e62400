/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "lib/base/result.h"
#include "lib/record/cause.h"
#include "lib/record/columns.h"
#include "lib/record/reader.h"

static void columns_follow_one_another_in_their_struct(void **state)
{
    for (size_t kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        const struct record_layout *layout = record_layout((enum record_kind)kind);
        size_t end = 0;
        for (size_t i = 0; i < layout->column_count; i++) {
            const struct column *column = &layout->columns[i];
            assert_true(column->offset >= end);
            assert_true(strlen(column->text) > 0);
            end = (size_t)column->offset + column->size;
        }
        assert_in_range(layout->size, end, end + 7);
    }
}

static void columns_of_a_kind_have_names_of_their_own(void **state)
{
    for (size_t kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        const struct record_layout *layout = record_layout((enum record_kind)kind);
        for (size_t i = 0; i < layout->column_count; i++)
            for (size_t j = 0; j < i; j++)
                assert_string_not_equal(layout->columns[i].name, layout->columns[j].name);
    }
}

static void every_type_is_described(void **state)
{
    for (size_t i = 0; i < COLUMN_TYPE_COUNT; i++) {
        const struct column_type_row *row = column_type_row((enum column_type)i);
        assert_non_null(row->name);
        assert_true(strcmp(row->sql, "INTEGER") == 0 || strcmp(row->sql, "TEXT") == 0);
        assert_int_equal(row->value_count > 0, row->value_name != NULL);
    }
}

static void numbers_have_names(void **state)
{
    assert_string_equal(record_kind_name(RECORD_KIND_ATTEMPT), "attempt");
    assert_string_equal(client_error_name(CLIENT_ERROR_TIMEOUT), "timeout");
    assert_string_equal(pause_kind_name(PAUSE_COLLECTION), "collection");
    assert_string_equal(state_kind_name(STATE_DRAINING), "draining");
    assert_string_equal(client_error_name(CLIENT_ERROR_COUNT), "unknown");
    assert_string_equal(pause_kind_name((enum pause_kind) - 1), "unknown");
    assert_string_equal(state_kind_name(STATE_KIND_COUNT), "unknown");
}

static const char *culprit_of(enum record_kind kind, const void *record, uint16_t name_count)
{
    const struct column *culprit = NULL;
    return record_is_valid(record_layout(kind), record, name_count, &culprit) ? NULL
                                                                              : culprit->name;
}

static void impossible_values_are_found(void **state)
{
    struct request_record request = {.route = 1, .upstream = NAME_NONE, .cause = CAUSE_COUNT - 1};
    assert_null(culprit_of(RECORD_KIND_REQUEST, &request, 2));
    assert_string_equal(culprit_of(RECORD_KIND_REQUEST, &request, 1), "route");
    request.cause = CAUSE_COUNT;
    assert_string_equal(culprit_of(RECORD_KIND_REQUEST, &request, 2), "cause");

    struct pause_record pause = {.kind = PAUSE_KIND_COUNT};
    assert_string_equal(culprit_of(RECORD_KIND_PAUSE, &pause, 1), "kind");
    struct state_record transition = {.kind = STATE_KIND_COUNT};
    assert_string_equal(culprit_of(RECORD_KIND_STATE, &transition, 1), "kind");
    struct client_record client = {.error = CLIENT_ERROR_COUNT};
    assert_string_equal(culprit_of(RECORD_KIND_CLIENT, &client, 0), "error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_follow_one_another_in_their_struct),
        cmocka_unit_test(columns_of_a_kind_have_names_of_their_own),
        cmocka_unit_test(every_type_is_described),
        cmocka_unit_test(numbers_have_names),
        cmocka_unit_test(impossible_values_are_found),
    };
    return cmocka_run_group_tests_name("record/columns", tests, NULL, NULL);
}
