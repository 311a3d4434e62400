/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "lib/base/result.h"
#include "tests/unit/http/reading.h"

struct coded {
    const char *bytes;
    size_t length;
    const char *payload;
    size_t behind; /* bytes that belong to the next message */
};

static const struct coded good[] = {
    {SAMPLE("0\r\n\r\n"), "", 0},
    {SAMPLE("5\r\nhello\r\n0\r\n\r\n"), "hello", 0},
    {SAMPLE("5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\n"), "hello", 16},
    {SAMPLE("1\r\n\r\r\n1\r\n\n\r\n000\r\n\r\n0\r\n\r\n"), "\r\n", 5},
    {SAMPLE("0000000000000003\r\nabc\r\n00\r\n\r\n"), "abc", 0},
    {SAMPLE("a\r\n0123456789\r\nA\r\nabcdefghij\r\n0\r\n\r\n"), "0123456789abcdefghij", 0},
    {SAMPLE("2;a=b;c=\"d;\"\r\nxy\r\n0;last\r\n\r\n"), "xy", 0},
    {SAMPLE("2 \t ;a\r\nxy\r\n2   \r\nzw\r\n0 \r\n\r\n"), "xyzw", 0},
    {SAMPLE("0\r\nA: b\r\nC:\r\nA: \xc3\xa4\t\r\n\r\nX"), "", 1},
    {SAMPLE("0\r\nHosts: b\r\nContent-Lengt: 5\r\nTransfer-Encoding-: a\r\n\r\n"), "", 0},
};

static struct http_body chunked_body(void)
{
    struct http_body body = {.framing = HTTP_CHUNKED};
    http_chunks_init(&body.chunks);
    return body;
}

static void assert_read(const struct coded *coded, size_t first, size_t step)
{
    struct reading reading = reading_of(chunked_body(), coded->bytes, coded->length, first, step);
    assert_null(reading.problem);
    assert_true(reading.complete);
    assert_int_equal(reading.used, coded->length - coded->behind);
    assert_int_equal(reading.payload_length, strlen(coded->payload));
    assert_memory_equal(reading.payload, coded->payload, reading.payload_length);
}

static void reads_the_same_content_however_it_arrives(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        for (size_t split = 0; split <= good[i].length; split++) {
            assert_read(&good[i], split, good[i].length);
            assert_read(&good[i], split, 1);
            assert_read(&good[i], split, 3);
        }
}

static void is_not_complete_before_its_last_byte(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        for (size_t n = 0; n < good[i].length - good[i].behind; n++) {
            struct reading reading = reading_of(chunked_body(), good[i].bytes, n, n, 1);
            assert_null(reading.problem);
            assert_false(reading.complete);
            assert_int_equal(reading.used, n);
        }
}

struct wrong {
    const char *bytes;
    size_t length;
    const char *problem;
};

#define NO_DIGIT   "a chunk size that does not start with a digit"
#define WRONG_SIZE "a character that is not allowed in a chunk size"
#define WRONG_LINE "a chunk size line that does not end in CRLF"
#define FRAMES     "a trailer that frames, routes or vouches for the message"
#define WRONG_END  "chunk data or a trailer that does not end in CRLF"
#define WRONG_NAME "a character that is not allowed in a trailer's name"

static const struct wrong wrong[] = {
    {SAMPLE("+5\r\nhello\r\n0\r\n\r\n"), NO_DIGIT},
    {SAMPLE("-5\r\nhello\r\n0\r\n\r\n"), NO_DIGIT},
    {SAMPLE(" 5\r\nhello\r\n0\r\n\r\n"), NO_DIGIT},
    {SAMPLE("\t5\r\nhello\r\n0\r\n\r\n"), NO_DIGIT},
    {SAMPLE("\r\n5\r\nhello\r\n0\r\n\r\n"), NO_DIGIT},
    {SAMPLE("\n0\r\n\r\n"), NO_DIGIT},
    {SAMPLE(";a\r\n"), NO_DIGIT},
    {SAMPLE("g\r\n"), NO_DIGIT},
    {SAMPLE("\0\r\n"), NO_DIGIT},
    {SAMPLE("0x5\r\nhello\r\n0\r\n\r\n"), WRONG_SIZE},
    {SAMPLE("5h\r\nhello\r\n0\r\n\r\n"), WRONG_SIZE},
    {SAMPLE("5_0\r\nhello\r\n0\r\n\r\n"), WRONG_SIZE},
    {SAMPLE("5.0\r\nhello\r\n0\r\n\r\n"), WRONG_SIZE},
    {SAMPLE("5,5\r\nhello\r\n0\r\n\r\n"), WRONG_SIZE},
    {SAMPLE("5 5\r\nhello\r\n0\r\n\r\n"), WRONG_SIZE},
    {SAMPLE("5 x\r\nhello\r\n0\r\n\r\n"), WRONG_SIZE},
    {SAMPLE("5\0\r\nhello\r\n0\r\n\r\n"), WRONG_SIZE},
    {SAMPLE("5\nhello\r\n0\r\n\r\n"), WRONG_SIZE},
    {SAMPLE("5 \nhello\r\n0\r\n\r\n"), WRONG_SIZE},
    {SAMPLE("5\x0b\r\nhello\r\n0\r\n\r\n"), WRONG_SIZE},
    {SAMPLE("5\rhello\r\n0\r\n\r\n"), WRONG_LINE},
    {SAMPLE("5\r\r\nhello\r\n0\r\n\r\n"), WRONG_LINE},
    {SAMPLE("5;a\rb\r\nhello\r\n0\r\n\r\n"), WRONG_LINE},
    {SAMPLE("5;a\nhello\r\n0\r\n\r\n"), "a control character in a chunk extension"},
    {SAMPLE("5;\0\r\nhello\r\n0\r\n\r\n"), "a control character in a chunk extension"},
    {SAMPLE("00000000000000005\r\nhello\r\n0\r\n\r\n"), "a chunk size of more than 16 digits"},
    {SAMPLE("10000000000000005\r\nhello\r\n0\r\n\r\n"), "a chunk size of more than 16 digits"},
    {SAMPLE("8000000000000000\r\n"), "a chunk size beyond reason"},
    {SAMPLE("ffffffffffffffff\r\n"), "a chunk size beyond reason"},
    {SAMPLE("5\r\nhello0\r\n\r\n"), WRONG_END},
    {SAMPLE("5\r\nhello!\r\n0\r\n\r\n"), WRONG_END},
    {SAMPLE("5\r\nhello\n0\r\n\r\n"), WRONG_END},
    {SAMPLE("5\r\nhello\r0\r\n\r\n"), WRONG_END},
    {SAMPLE("5\r\nhello\r\n\r\n0\r\n\r\n"), NO_DIGIT},
    {SAMPLE("0\r\n\n"), WRONG_NAME},
    {SAMPLE("0\r\n\rX"), WRONG_END},
    {SAMPLE("0\r\n: a\r\n\r\n"), WRONG_NAME},
    {SAMPLE("0\r\n folded\r\n\r\n"), WRONG_NAME},
    {SAMPLE("0\r\nA : b\r\n\r\n"), WRONG_NAME},
    {SAMPLE("0\r\nA\r\n\r\n"), WRONG_NAME},
    {SAMPLE("0\r\nGET / HTTP/1.1\r\n\r\n"), WRONG_NAME},
    {SAMPLE("0\r\nA: b\n\r\n"), "a control character in a trailer"},
    {SAMPLE("0\r\nA: \0\r\n\r\n"), "a control character in a trailer"},
    {SAMPLE("0\r\nA: b\rC: d\r\n\r\n"), WRONG_END},
    {SAMPLE("0\r\nA: b\r\n c\r\n\r\n"), WRONG_NAME},
    {SAMPLE("0\r\nContent-Length: 5\r\n\r\n"), FRAMES},
    {SAMPLE("0\r\nA: b\r\ntransfer-ENCODING:chunked\r\n\r\n"), FRAMES},
    {SAMPLE("0\r\nHOST:\r\n\r\n"), FRAMES},
    {SAMPLE("0\r\nContent_Length: 5\r\n\r\n"), FRAMES},
    {SAMPLE("0\r\nCookie: a=b\r\n\r\n"), FRAMES},
    {SAMPLE("0\r\nX-Forwarded-For: ::1\r\n\r\n"), FRAMES},
    {SAMPLE("0\r\nAuthorization: Basic x\r\n\r\n"), FRAMES},
};

static void assert_refused(const struct wrong *sample, size_t first, size_t step)
{
    struct reading reading = reading_of(chunked_body(), sample->bytes, sample->length, first, step);
    if (!reading.problem || strcmp(reading.problem, sample->problem) != 0)
        print_error("%.*s\n", (int)sample->length, sample->bytes);
    assert_non_null(reading.problem);
    assert_string_equal(reading.problem, sample->problem);
    assert_false(reading.complete);
}

static void refuses_what_is_not_quite_right_however_it_arrives(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        for (size_t split = 0; split <= wrong[i].length; split++) {
            assert_refused(&wrong[i], split, wrong[i].length);
            assert_refused(&wrong[i], split, 1);
        }
}

/* What is passed on of a body that arrives in pieces of `step` bytes. */
static void assert_passed_on(const char *bytes, size_t length, size_t step, const char *expected)
{
    struct http_body body = chunked_body();
    char kept[256];
    size_t kept_length = 0;
    for (size_t at = 0, used; at < length; at += used) {
        struct http_span payload;
        size_t piece = step < length - at ? step : length - at;
        assert_null(http_body_take(&body, bytes + at, piece, &used, &payload));
        assert_true(used > 0);
        if (http_body_drops(&body))
            continue;
        memcpy(kept + kept_length, bytes + at, used);
        kept_length += used;
    }
    assert_int_equal(kept_length, strlen(expected));
    assert_memory_equal(kept, expected, kept_length);
}

static void leaves_out_extensions(void **state)
{
    for (size_t step = 1; step < 64; step++) {
        assert_passed_on(
            SAMPLE("5;a=\"b;\"\r\nhe;lo\r\na \t\r\n012345;789\r\n0 ; c\r\nA: b;c\r\n\r\n"), step,
            "5\r\nhe;lo\r\na\r\n012345;789\r\n0\r\nA: b;c\r\n\r\n");
        assert_passed_on(SAMPLE("5\r\n;;;;;\r\n0\r\n\r\n"), step, "5\r\n;;;;;\r\n0\r\n\r\n");
    }
}

static void takes_the_largest_size(void **state)
{
    struct http_body body = chunked_body();
    struct reading reading = reading_of(body, SAMPLE("7fffffffffffffff\r\nabc"), 21, 1);
    assert_null(reading.problem);
    assert_int_equal(reading.payload_length, 3);
    assert_false(reading.complete);
}

/* The state's size line or trailer may be that long, and no longer. */
static void assert_bounded(const char *start, char filler, const char *problem)
{
    struct http_body body = chunked_body();
    struct http_span payload;
    const char *said = NULL;
    size_t used, count = 0;
    for (const char *at = start; *at; at += used)
        assert_null(http_body_take(&body, at, strlen(at), &used, &payload));
    while (!said && count < 100000) {
        said = http_body_take(&body, &filler, 1, &used, &payload);
        count++;
    }
    assert_non_null(said);
    assert_string_equal(said, problem);
    assert_in_range(count, 8000, 8200);
}

static void bounds_extensions_and_trailers(void **state)
{
    assert_bounded("5;", 'x', "chunk extensions of more than 8 KiB");
    assert_bounded("5", ' ', "chunk extensions of more than 8 KiB");
    assert_bounded("0\r\n", 'x', "trailers of more than 8 KiB");
    assert_bounded("0\r\nA:", 'x', "trailers of more than 8 KiB");
}

/* Many short trailers are as bad as a long one. */
static void bounds_all_trailers_together(void **state)
{
    static const char line[] = "A: b\r\n";
    struct http_body body = chunked_body();
    struct http_span payload;
    const char *problem = NULL;
    size_t used, lines = 0;
    assert_null(http_body_take(&body, SAMPLE("0\r\n"), &used, &payload));
    while (!problem && lines++ < 10000)
        problem = http_body_take(&body, SAMPLE(line), &used, &payload);
    assert_non_null(problem);
    assert_true(lines < 2000);
}

/* What came before does not count: a body of many chunks may be as long as it likes. */
static void bounds_each_size_line_by_itself(void **state)
{
    static const char chunk[] = "1;an-extension\r\nx\r\n";
    struct http_body body = chunked_body();
    for (int i = 0; i < 10000; i++) {
        struct reading reading = {0};
        assert_true(reading_take(&reading, &body, SAMPLE(chunk)));
        assert_int_equal(reading.used, sizeof(chunk) - 1);
        assert_int_equal(reading.payload_length, 1);
    }
}

static void takes_nothing_behind_its_end(void **state)
{
    struct http_chunks chunks;
    size_t used = 9, at, length;
    http_chunks_init(&chunks);
    assert_null(http_chunks_take(&chunks, SAMPLE("0\r\n\r\n"), &used, &at, &length));
    assert_int_equal(chunks.state, CHUNK_DONE);
    assert_null(http_chunks_take(&chunks, SAMPLE("5\r\nhello\r\n"), &used, &at, &length));
    assert_int_equal(used, 0);
    assert_int_equal(length, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_same_content_however_it_arrives),
        cmocka_unit_test(is_not_complete_before_its_last_byte),
        cmocka_unit_test(refuses_what_is_not_quite_right_however_it_arrives),
        cmocka_unit_test(leaves_out_extensions),
        cmocka_unit_test(takes_the_largest_size),
        cmocka_unit_test(bounds_extensions_and_trailers),
        cmocka_unit_test(bounds_all_trailers_together),
        cmocka_unit_test(bounds_each_size_line_by_itself),
        cmocka_unit_test(takes_nothing_behind_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
