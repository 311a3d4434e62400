/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conf/conf.h"

/* No key is longer; a longer name is near to none. */
#define LONGEST 64

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static bool same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* One row of the table of distances between the prefixes of `a` and those of `b`. `before` is the
 * row of the prefix one shorter, `earlier` of the one two shorter. */
static void fill_row(const char *a, size_t i, const char *b, size_t length, const size_t *earlier,
                     const size_t *before, size_t *row)
{
    row[0] = i;
    for (size_t j = 1; j <= length; j++) {
        size_t changed = before[j - 1] + !same(a[i - 1], b[j - 1]);
        row[j] = least(changed, least(before[j], row[j - 1]) + 1);
        if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
            row[j] = least(row[j], earlier[j - 2] + 1);
    }
}

/* Edits that turn one text into the other, case aside: a character added, left out, changed, or two
 * neighbours swapped. Both are at most LONGEST bytes long. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][LONGEST + 1];
    size_t a_length = strlen(a), b_length = strlen(b);
    for (size_t j = 0; j <= b_length; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_length; i++)
        fill_row(a, i, b, b_length, rows[(i + 1) % 3], rows[(i + 2) % 3], rows[i % 3]);
    return rows[a_length % 3][b_length];
}

const char *conf_nearest(const char *name, const char *const *names, size_t count)
{
    size_t length = strlen(name);
    if (length > LONGEST)
        return NULL;
    const char *nearest = NULL;
    /* A third of the name may be wrong, or one character of a short one. */
    size_t bound = length < 6 ? 1 : length / 3;
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i]) > LONGEST)
            continue;
        size_t edits = distance(name, names[i]);
        if (edits <= bound && (!nearest || edits < bound)) {
            nearest = names[i];
            bound = edits;
        }
    }
    return nearest;
}
