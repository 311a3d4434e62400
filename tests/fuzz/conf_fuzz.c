/* SPDX-License-Identifier: MIT */
/* Any bytes are a configuration or a mistake with a one-line message, never a crash, a leak or a
 * hang. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/conf/sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_message(const struct error *error)
{
    if (strncmp(error->text, "c.json:", 7) != 0 || strpbrk(error->text, "\n\r\033"))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sample_reading reading;
    enum result result = sample_begin(&reading, (const char *)data, size);
    if (result == FAILED_SYSTEM)
        abort();
    if (result == FAILED_INPUT)
        check_message(&reading.error);
    if (reading.doc) {
        struct error error;
        struct cJSON *inside = conf_pointer(conf_doc_root(reading.doc), "/raw/0");
        conf_error_at(reading.doc, inside, &error, "seen");
        check_message(&error);
    }
    sample_end(&reading);
    return 0;
}
