/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "lib/serve/control.h"
#include "tests/unit/net/running.h"

/* A process with a line to its laboratory, and the laboratory's end of it. */
struct sample {
    struct running running;
    struct control control;
    int lab;
    mono epoch;
    int epochs;
    bool gone;
};

static void note_epoch(void *owner, mono epoch)
{
    struct sample *sample = owner;
    sample->epoch = epoch;
    sample->epochs++;
    loop_stop(&sample->running.loop);
}

static void note_gone(void *owner)
{
    struct sample *sample = owner;
    sample->gone = true;
    loop_stop(&sample->running.loop);
}

static void begin(struct sample *sample)
{
    struct error error;
    int pair[2];
    *sample = (struct sample){.epochs = 0};
    running_start(&sample->running);
    running_pair(pair);
    sample->lab = pair[0];
    assert_int_equal(control_start(&sample->control, &sample->running.loop, pair[1], note_epoch,
                                   note_gone, sample, &error),
                     OK);
}

static void end(struct sample *sample)
{
    control_stop(&sample->control);
    if (sample->lab >= 0)
        close(sample->lab);
    running_end(&sample->running);
}

static void say(struct sample *sample, const char *text)
{
    assert_int_equal(write(sample->lab, text, strlen(text)), strlen(text));
}

static void ready_names_the_addresses(void **state)
{
    struct sample sample;
    char line[64] = "";
    begin(&sample);
    control_ready(&sample.control, "127.0.0.1:80 127.0.0.1:443");
    assert_true(read(sample.lab, line, sizeof(line) - 1) > 0);
    assert_string_equal(line, "ready 127.0.0.1:80 127.0.0.1:443\n");
    end(&sample);
}

static void an_epoch_arrives_also_in_pieces(void **state)
{
    struct sample sample;
    begin(&sample);
    say(&sample, "epoch 123456");
    running_settle(&sample.running);
    assert_int_equal(sample.epochs, 0);
    say(&sample, "789012\n");
    running_go(&sample.running);
    assert_int_equal(sample.epoch.ns, INT64_C(123456789012));
    end(&sample);
}

static void unknown_lines_are_skipped(void **state)
{
    struct sample sample;
    begin(&sample);
    say(&sample,
        "hello\nepoch\nepoch x\nepoch 1 2\n"
        "a line that is longer than any that this process could ever have been told about\n"
        "epoch 42\n");
    running_go(&sample.running);
    assert_int_equal(sample.epochs, 1);
    assert_int_equal(sample.epoch.ns, 42);
    end(&sample);
}

static void the_laboratorys_end_is_noticed(void **state)
{
    struct sample sample;
    begin(&sample);
    close(sample.lab);
    sample.lab = -1;
    running_go(&sample.running);
    assert_true(sample.gone);
    end(&sample);
}

static void a_descriptor_that_is_none_is_refused(void **state)
{
    struct running running;
    struct control control;
    struct error error;
    running_start(&running);
    assert_int_equal(control_start(&control, &running.loop, 1 << 20, NULL, NULL, NULL, &error),
                     FAILED_SYSTEM);
    control_stop(&control);
    running_end(&running);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ready_names_the_addresses),
        cmocka_unit_test(an_epoch_arrives_also_in_pieces),
        cmocka_unit_test(unknown_lines_are_skipped),
        cmocka_unit_test(the_laboratorys_end_is_noticed),
        cmocka_unit_test(a_descriptor_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
