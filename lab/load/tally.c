/* SPDX-License-Identifier: MIT */
#include "lab/load/tally.h"

#include <stddef.h>
#include <sys/mman.h>

enum result tally_new(struct tally **tally, struct error *error)
{
    void *memory =
        mmap(NULL, sizeof(struct tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return error_errno(error, "no memory to share with the load generator");
    *tally = memory;
    return OK;
}

void tally_free(struct tally **tally)
{
    if (*tally)
        munmap(*tally, sizeof(struct tally));
    *tally = NULL;
}
