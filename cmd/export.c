/* SPDX-License-Identifier: MIT */
/* tailgate export: the records of a process in service as SQLite, JSON lines or CSV. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/arguments.h"
#include "cmd/commands.h"
#include "lib/base/buf.h"
#include "lib/base/result.h"
#include "lib/record/folder.h"
#include "lib/record/reader.h"

enum { OPTION_FORMAT, OPTION_KIND, OPTION_OUTPUT, OPTION_FORCE };
static const struct option_row options[] = {
    [OPTION_FORMAT] = {"format", "FORMAT",
                       "sqlite, jsonl or csv; otherwise sqlite with --output and jsonl without",
                       'f'},
    [OPTION_KIND] = {"kind", "KIND", "the records that CSV holds; otherwise request", 'k'},
    [OPTION_OUTPUT] = {"output", "FILE", "the file to write; otherwise standard output", 'o'},
    [OPTION_FORCE] = {"force", NULL, "replace FILE when it exists", '\0'},
};

static const struct usage usage = {
    .command = "export",
    .operands = "RECORDS",
    .about =
        "Writes the records in the folder RECORDS, which the gateway's \"record\" names, also\n"
        "those of a process that still runs or died. Those of a run are taken into RUN/run.db, an\n"
        "SQLite database, when it ends. SQLite and JSON lines hold every kind of record; CSV\n"
        "holds one: request, attempt, fault, pause, state or client. Moments (of the monotonic\n"
        "clock) and lengths of time are whole nanoseconds.",
    .options = options,
    .option_count = ARRAY_LEN(options),
    .operands_min = 1,
    .operands_max = 1,
};

struct export;

/* Writes the records of the folder to `path`, or to standard output when it is NULL. */
typedef enum result write_format(struct export *export, const char *path, struct error *error);

struct format {
    const char *name;
    write_format *write;
};

struct export
{
    const char *folder, *output;
    const struct format *format;
    enum record_kind kind;
    bool kind_given, force;
    uint64_t written, dropped;
};

/* ---- formats */

static enum result write_stream(struct export *export, FILE *out, struct error *error);

static enum result write_file(struct export *export, const char *path, struct error *error)
{
    if (!path)
        return write_stream(export, stdout, error);
    FILE *out = fopen(path, "we");
    if (!out)
        return error_errno(error, "cannot make %s", path);
    enum result result = write_stream(export, out, error);
    if (fclose(out) != 0 && result == OK)
        result = error_errno(error, "cannot write %s", path);
    return result;
}

static enum result write_sqlite(struct export *export, const char *path, struct error *error)
{
    struct record_db *db;
    enum result result = record_db_open(&db, path, error);
    if (result != OK)
        return result;
    result = record_db_add_folder(db, export->folder, -1, -1, &export->dropped, error);
    export->written = record_db_written(db);
    struct error of_close;
    enum result closed = record_db_close(&db, &of_close);
    if (closed == OK || result == FAILED_SYSTEM)
        return result;
    *error = of_close;
    return closed;
}

static const struct format formats[] = {
    {"sqlite", write_sqlite}, {"jsonl", write_file}, {"csv", write_file}};
enum { FORMAT_SQLITE, FORMAT_JSONL, FORMAT_CSV };

static enum result write_stream(struct export *export, FILE *out, struct error *error)
{
    if (export->format == &formats[FORMAT_CSV])
        return record_write_csv(out, export->folder, export->kind, &export->written,
                                &export->dropped, error);
    return record_write_json_lines(out, export->folder, &export->written, &export->dropped, error);
}

/* Into a file beside the wanted one, which takes its place only when it has all that can be read.
 */
static enum result write_output(struct export *export, struct error *error)
{
    if (!export->output)
        return export->format->write(export, NULL, error);
    if (!export->force && access(export->output, F_OK) == 0)
        return error_set(error, FAILED_INPUT, "%s exists: give another name or --force",
                         export->output);
    struct buf part = {0};
    buf_printf(&part, "%s.%d.part", export->output, (int)getpid());
    buf_append(&part, "", 1);
    const char *path = buf_head(&part);
    enum result result = export->format->write(export, path, error);
    bool worth_it = result == OK || (result == FAILED_INPUT && export->written > 0);
    if (worth_it && rename(path, export->output) < 0)
        result = error_errno(error, "cannot make %s", export->output);
    if (!worth_it || result == FAILED_SYSTEM)
        unlink(path);
    buf_free(&part);
    return result;
}

/* ---- arguments */

static enum result set_format(struct export *export, const char *name, struct error *error)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        if (strcmp(formats[i].name, name) == 0) {
            export->format = &formats[i];
            return OK;
        }
    }
    return error_set(error, FAILED_INPUT, "unknown format \"%s\": expected sqlite, jsonl or csv",
                     name);
}

static enum result set_kind(struct export *export, const char *name, struct error *error)
{
    struct buf known = {0};
    for (size_t i = 0; i < RECORD_KIND_COUNT; i++) {
        const char *kind = record_kind_name((enum record_kind)i);
        if (strcmp(kind, name) == 0) {
            export->kind = (enum record_kind)i;
            export->kind_given = true;
            buf_free(&known);
            return OK;
        }
        buf_printf(&known, "%s%s", i ? ", " : "", kind);
    }
    enum result result =
        error_set(error, FAILED_INPUT, "unknown kind of record \"%s\": expected one of %.*s", name,
                  (int)buf_len(&known), buf_head(&known));
    buf_free(&known);
    return result;
}

/* Whoever names a folder above the records is told where they are. */
static enum result check_folder(const char *folder, struct error *error)
{
    struct buf found = {0};
    enum result result = OK;
    if (record_folder_find(folder, &found) && strcmp(buf_head(&found), folder) != 0)
        result = error_set(error, FAILED_INPUT,
                           "%s itself holds no records: name a folder that does, such as %s",
                           folder, buf_head(&found));
    buf_free(&found);
    return result;
}

/* What only the arguments together can tell. */
static enum result complete(struct export *export, struct error *error)
{
    if (!export->format)
        export->format = &formats[export->output ? FORMAT_SQLITE : FORMAT_JSONL];
    if (export->format == &formats[FORMAT_SQLITE] && !export->output)
        return error_set(error, FAILED_INPUT, "a database needs a file: give -o FILE");
    if (export->kind_given && export->format != &formats[FORMAT_CSV])
        return error_set(error, FAILED_INPUT,
                         "--kind goes with --format csv: %s holds every kind of record",
                         export->format->name);
    return OK;
}

static enum result take(struct export *export, const struct arguments *arguments,
                        struct error *error)
{
    const char *const *values = arguments->values;
    enum result result = OK;
    export->folder = arguments->operands[0];
    export->output = values[OPTION_OUTPUT];
    export->force = values[OPTION_FORCE] != NULL;
    if (values[OPTION_FORMAT])
        result = set_format(export, values[OPTION_FORMAT], error);
    if (result == OK && values[OPTION_KIND])
        result = set_kind(export, values[OPTION_KIND], error);
    if (result == OK)
        result = check_folder(export->folder, error);
    return result == OK ? complete(export, error) : result;
}

static void report(const struct export *export)
{
    if (!export->written && !export->dropped)
        fprintf(stderr, "tailgate export: %s holds no records%s%s\n", export->folder,
                export->kind_given ? " of kind " : "",
                export->kind_given ? record_kind_name(export->kind) : "");
    else
        fprintf(stderr, "tailgate export: %llu records written, %llu were dropped when recording\n",
                (unsigned long long)export->written, (unsigned long long)export->dropped);
}

int cmd_export(int argc, char **argv)
{
    struct export export = {.kind = RECORD_KIND_REQUEST};
    struct arguments arguments;
    enum exit_status status;
    struct error error;
    if (!arguments_read(&arguments, &usage, argc, argv, &status))
        return status;
    if (take(&export, &arguments, &error) != OK)
        return arguments_wrong(&usage, "%s", error.text);
    enum result result = write_output(&export, &error);
    if (result != OK)
        fprintf(stderr, "tailgate export: %s\n", error.text);
    if (result == OK || (result == FAILED_INPUT && export.written > 0))
        report(&export);
    return result_exit_status(result);
}
