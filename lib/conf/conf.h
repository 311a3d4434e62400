/* SPDX-License-Identifier: MIT */
/* The table-driven configuration reader. A file is JSON with comments; a const table says which
 * keys an object has, their types, defaults, bounds and meaning, and where in a C struct the values
 * go. The reader, its messages (FILE:LINE:COL: what is wrong), the JSON Schema and the manual all
 * come from the same tables.
 *
 * Pure: reads the one file (or text) it is given and nothing else, apart from a "replay" file that
 * a distribution or a pause names. */
#ifndef TAILGATE_LIB_CONF_CONF_H
#define TAILGATE_LIB_CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/base/memory.h"
#include "lib/base/result.h"

struct buf;
struct cJSON;

/* A parsed document: text, tree, and the place of every value and key. */
struct conf_doc;

/* Parses JSON with comments. The error is "FILE:LINE:COL: ..."; duplicate keys are errors. */
enum result conf_doc_read(struct conf_doc **doc, const char *path, struct error *error) MUST_USE;
enum result conf_doc_parse(struct conf_doc **doc, const char *name, const char *text, size_t length,
                           struct error *error) MUST_USE;
void conf_doc_free(struct conf_doc **doc);

/* What it was made of: the name, and the text with its comments blanked out. */
const char *conf_doc_name(const struct conf_doc *doc);
const char *conf_doc_text(const struct conf_doc *doc);

/* The tree. A caller may change it (an experiment's variants); values put there have the place of
 * the nearest known parent. */
struct cJSON *conf_doc_root(const struct conf_doc *doc);

/* Says that `replacement` (and what is in it), which the caller has put or will put into the tree,
 * stands where `original` stands in the text: keeps messages exact for substituted values. What
 * counts is what `replacement` holds at the time of the call; neither is looked at later. */
void conf_doc_alias(struct conf_doc *doc, const struct cJSON *replacement,
                    const struct cJSON *original);

/* "FILE:LINE:COL: message" about a value of the document. Returns
 * FAILED_INPUT. For checks that a table cannot express. */
enum result conf_error_at(const struct conf_doc *doc, const struct cJSON *item, struct error *error,
                          const char *format, ...) PRINTF_LIKE(4, 5);

/* The item at a JSON Pointer (RFC 6901), or NULL. */
struct cJSON *conf_pointer(struct cJSON *root, const char *pointer);

/* Types of values, and the C type each is stored as. */
enum conf_type {
    CONF_BOOL,     /* bool */
    CONF_INT,      /* int64_t; min..max */
    CONF_NUMBER,   /* double; min..max */
    CONF_STRING,   /* const char * (in the arena); NULL when absent without a default */
    CONF_DURATION, /* duration; min..max are nanoseconds */
    CONF_SIZE,     /* uint64_t, bytes; min..max */
    CONF_RATE,     /* double, events a second; min..max */
    CONF_SHARE,    /* double, 1.0 = "100%"; min..max */
    CONF_DIST,     /* struct dist */
    CONF_ADDRESS,  /* const char *: "127.0.0.1:8080", "[::1]:80", ":8080" is refused; checked for
                      form */
    CONF_ENUM,     /* int: index into `choices` */
    CONF_FLAGS,    /* unsigned: a list of `choices`, bit i for choice i */
    CONF_OBJECT,   /* the sub-table's struct, in place */
    CONF_LIST, /* struct conf_list of the sub-table's struct, or of `element` when no sub-table */
    CONF_MAP,  /* struct conf_list of the sub-table's struct, in file order; the key is stored as
                  const char * at the sub-table's name_offset */
    CONF_RAW,  /* const struct cJSON *: any value, not looked into; NULL when absent */
};

struct conf_list {
    void *items;
    size_t count;
};

enum conf_key_flags {
    CONF_REQUIRED = 1,
    CONF_NOT_EMPTY = 2, /* lists, maps, strings */
    CONF_AT_START = 4,  /* a running process does not change it; says the manual */
};

struct conf_key {
    const char *name;
    enum conf_type type;
    size_t offset; /* of the member in the struct */
    /* Default as it would be written in a file, without the quotes of a string ("250ms", "inline",
     * "true", "[80, 443]"; "connect,reset" for flags). NULL = zeroed; an object without one gets
     * the defaults of its members, unless one of them is required (or one_key): then it stays zero.
     */
    const char *otherwise;
    unsigned flags;
    double min, max;              /* both 0 = no bounds; max below min = no upper bound */
    const char *const *choices;   /* CONF_ENUM, CONF_FLAGS: NULL-ended */
    const struct conf_table *sub; /* CONF_OBJECT, CONF_LIST, CONF_MAP */
    enum conf_type element;       /* CONF_LIST without `sub`: a scalar type */
    const char *meaning;          /* one sentence for the schema and the manual */
    const char *hint; /* what a message about a malformed value adds, or NULL; scalars */
};

struct conf_read; /* a reading in progress, handed to the hooks below */

struct conf_table {
    const char *name;    /* "endpoint" */
    const char *meaning; /* one sentence */
    size_t size;         /* of the struct */
    size_t name_offset;  /* CONF_MAP: where the key goes */
    const struct conf_key *keys;
    size_t key_count;
    /* A table without a base of its own whose keys this one has as well, or NULL. They are read
     * into the member (a struct of that table) at `base_offset`, save for those whose name is also
     * the name of a key here; the base's check runs behind this one's. Not with one_key. */
    const struct conf_table *base;
    size_t base_offset;
    /* The key that a bare string stands for ("127.0.0.1:80" for {"address": "127.0.0.1:80"}), or
     * NULL. */
    const char *shorthand;
    /* Checks what keys cannot say, after all of them were read; NULL = nothing to check. Returns OK
     * or the result of conf_fail. `item` is the JSON value the struct was read from. */
    enum result (*check)(struct conf_read *read, void *object, const struct cJSON *item);
    size_t
        item_offset; /* where to keep the `const struct cJSON *` it came from; SIZE_MAX = nowhere */
    bool one_key;    /* exactly one of the keys must be there (a step of a handler) */
    /* one_key: the member (int) that receives the index of the key that was there. */
    size_t which_offset;
};

#define CONF_NO_ITEM SIZE_MAX

/* Reads `item` into `object` (zeroed here, `table->size` bytes); strings and lists go into `arena`.
 * The first error stops the reading. */
enum result conf_read(const struct conf_doc *doc, const struct cJSON *item,
                      const struct conf_table *table, void *object, struct arena *arena,
                      struct error *error) MUST_USE;

/* Whether two structs that were read by the table say the same. Distributions never do. */
bool conf_equal(const struct conf_table *table, const void *a, const void *b);

/* The same of one key of its holder. */
bool conf_key_equal(const struct conf_key *key, const void *a, const void *b);

/* For a table's check: an error at an item (NULL: at the object itself), and the member of an item.
 */
enum result conf_fail(struct conf_read *read, const struct cJSON *item, const char *format, ...)
    PRINTF_LIKE(3, 4);
const struct cJSON *conf_member(const struct cJSON *item, const char *name);

/* For a table's check: reads a file that the item names, by a path relative to the configuration's
 * own folder, and says what its whole path is (in the arena). Free the buffer in any case. */
enum result conf_read_beside(struct conf_read *read, const struct cJSON *item, const char *path,
                             struct buf *text, const char **full) MUST_USE;

/* The error of something in such a file: "FILE:LINE:COL: what". */
enum result conf_fail_beside(struct conf_read *read, const char *full, const char *text,
                             size_t offset, const char *what);

/* What the item of a table's struct (NULL: there is none) says for a key of the table, or NULL. A
 * bare string speaks for the shorthand, and for no other key. */
const struct cJSON *conf_given(const struct conf_table *table, const struct conf_key *key,
                               const struct cJSON *item);
struct arena *conf_read_arena(struct conf_read *read);

/* The name out of `names` that is nearest to `name` by edit distance, or NULL when none is near. */
const char *conf_nearest(const char *name, const char *const *names, size_t count);

/* The JSON Schema (draft 2020-12) of a table. */
void conf_write_schema(FILE *out, const struct conf_table *table);

/* The keys of a table and its sub-tables as mdoc(7) list items, for the manual. */
void conf_write_manual(FILE *out, const struct conf_table *table);

#endif
