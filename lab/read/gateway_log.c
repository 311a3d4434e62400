/* SPDX-License-Identifier: MIT */
#include "lab/read/gateway_log.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"
#include "lib/http/trace.h"

static const char request_mark[] = "tailgate ";

struct gateway_log_reader *gateway_log_reader_new(enum gateway_log_format format, bool reuses)
{
    struct gateway_log_reader *reader = mem_alloc(1, sizeof(*reader));
    reader->format = format;
    reader->reuses = reuses;
    return reader;
}

void gateway_log_reader_free(struct gateway_log_reader **reader)
{
    free(*reader);
    *reader = NULL;
}

/* ---- words */

#define VALUE_TEXT 512

struct word {
    char key[24];
    char value[VALUE_TEXT];
};

static int hex_of(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    int lower = tolower((unsigned char)digit);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* One byte of a quoted value: as it stands, or escaped. Returns where the next one is; NULL: the
 * escape is none. */
static const char *take_byte(const char *at, const char *end, char *byte)
{
    *byte = *at;
    if (*at != '\\')
        return at + 1;
    if (end - at >= 4 && at[1] == 'x' && hex_of(at[2]) >= 0 && hex_of(at[3]) >= 0) {
        *byte = (char)(hex_of(at[2]) * 16 + hex_of(at[3]));
        return at + 4;
    }
    if (end - at >= 2 && (at[1] == '"' || at[1] == '\\')) {
        *byte = at[1];
        return at + 2;
    }
    return NULL;
}

/* The value at `at`; returns what is behind it, or NULL when it does not end. */
static const char *take_value(const char *at, const char *end, char value[VALUE_TEXT])
{
    bool quoted = at < end && *at == '"';
    size_t length = 0;
    at += quoted;
    while (at && at < end && (quoted ? *at != '"' : *at != ' ')) {
        char byte = *at;
        at = quoted ? take_byte(at, end, &byte) : at + 1;
        if (length + 1 < VALUE_TEXT)
            value[length++] = (unsigned char)byte < ' ' ? '?' : byte;
    }
    value[length] = '\0';
    if (!at || !quoted)
        return at;
    return at < end && (at + 1 == end || at[1] == ' ') ? at + 1 : NULL;
}

/* The next key=value; NULL: there is none, or it is not right (`*right` is false then). */
static const char *take_word(const char *at, const char *end, struct word *word, bool *right)
{
    while (at < end && *at == ' ')
        at++;
    if (at == end)
        return NULL;
    size_t length = 0;
    while (at + length < end && (islower((unsigned char)at[length]) || at[length] == '_'))
        length++;
    *right = length > 0 && length < sizeof(word->key) && at + length < end && at[length] == '=';
    if (!*right)
        return NULL;
    memcpy(word->key, at, length);
    word->key[length] = '\0';
    at = take_value(at + length + 1, end, word->value);
    *right = at != NULL;
    return at;
}

/* ---- a line about a request */

/* What its words say before they are put together. */
struct said {
    char state[16], flags[64], details[GATEWAY_LOG_TEXT];
    int upstream_status, retries, tries;
    bool has_status;
    uint64_t connection;
};

/* More than any figure of a line can be. */
#define LARGEST 1e9

static bool parse_number(const char *text, double *number)
{
    size_t length = strlen(text);
    char *end;
    *number = strtod(text, &end);
    return length > 0 && strspn(text, "-0123456789.") == length && end == text + length &&
           *number<LARGEST && * number> - LARGEST;
}

/* "502, 200" or "502 : 200": the last of them. */
static int last_number(const char *list)
{
    const char *at = list + strlen(list);
    while (at > list && isdigit((unsigned char)at[-1]))
        at--;
    long number = strtol(at, NULL, 10);
    return number < 1000 ? (int)number : 0;
}

/* How many addresses a list has; where nobody could be chosen nginx writes the upstream's name. */
static int count_addresses(const char *list)
{
    int count = 0;
    for (const char *at = list; *at;) {
        size_t length = strcspn(at, " ,");
        count += length > 1 && memchr(at, ':', length) != NULL;
        at += length + strspn(at + length, " ,");
    }
    return count;
}

static bool take_trace(struct gateway_log_entry *entry, const char *value)
{
    struct trace trace;
    if (value[0] == '\0' || strcmp(value, "-") == 0)
        return true;
    entry->has_trace = trace_parse(&trace, value, strlen(value));
    if (entry->has_trace)
        memcpy(entry->trace_id, trace.trace_id, sizeof(entry->trace_id));
    return entry->has_trace;
}

static void copy_text(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%.*s", (int)(size - 1), text);
}

/* Numbers; "-" says nothing. False: it is none. */
static bool take_figure(struct gateway_log_entry *entry, struct said *said, const struct word *word)
{
    double number = 0;
    const char *text =
        word->value + (word->value[0] == '+'); /* HAProxy: it went to another server */
    if (strcmp(text, "-") == 0)
        return true;
    if (!parse_number(text, &number))
        return false;
    if (strcmp(word->key, "status") == 0) {
        said->has_status = true;
        entry->status = number > 0 && number < 1000 ? (int)number : 0;
    } else if (strcmp(word->key, "seconds") == 0)
        entry->total_ns = (int64_t)(number * 1e9);
    else if (strcmp(word->key, "ms") == 0)
        entry->total_ns = (int64_t)(number * 1e6);
    else if (strcmp(word->key, "tries") == 0)
        said->tries = number > 0 ? (int)number : 0;
    else if (strcmp(word->key, "retries") == 0)
        said->retries = number > 0 ? (int)number : 0;
    else
        said->connection = number > 0 ? (uint64_t)number : 0;
    return true;
}

static bool is_one_of(const char *key, const char *const *keys)
{
    while (*keys && strcmp(*keys, key) != 0)
        keys++;
    return *keys != NULL;
}

/* False: the word is none that lines have. */
static bool take_said(struct gateway_log_entry *entry, struct said *said, const struct word *word)
{
    static const char *const figures[] = {"status",  "seconds",    "ms", "tries",
                                          "retries", "connection", NULL};
    if (is_one_of(word->key, figures))
        return take_figure(entry, said, word);
    if (strcmp(word->key, "trace") == 0)
        return take_trace(entry, word->value);
    if (strcmp(word->key, "upstream") == 0)
        copy_text(entry->upstream, sizeof(entry->upstream), word->value);
    else if (strcmp(word->key, "upstream_status") == 0)
        said->upstream_status = last_number(word->value);
    else if (strcmp(word->key, "state") == 0)
        copy_text(said->state, sizeof(said->state), word->value);
    else if (strcmp(word->key, "flags") == 0)
        copy_text(said->flags, sizeof(said->flags), word->value);
    else if (strcmp(word->key, "details") == 0)
        copy_text(said->details, sizeof(said->details), word->value);
    else
        return false;
    return true;
}

static struct gateway_log_message *slot_of(struct gateway_log_reader *reader, uint64_t connection)
{
    return &reader->waiting[connection % GATEWAY_LOG_SLOTS];
}

static bool has_server(const char *upstream)
{
    return upstream[0] && strcmp(upstream, "-") != 0 && strstr(upstream, "NOSRV") == NULL;
}

static void conclude_nginx(struct gateway_log_reader *reader, struct gateway_log_entry *entry,
                           const struct said *said)
{
    struct gateway_log_message *message = slot_of(reader, said->connection);
    if (said->connection > 0 && message->connection == said->connection) {
        copy_text(entry->reason, sizeof(entry->reason), message->text);
        message->connection = 0;
    }
    entry->causes = gateway_cause_nginx(entry->reason, entry->status, said->upstream_status);
    entry->tries = count_addresses(entry->upstream);
}

/* What its words come to. */
static void conclude(struct gateway_log_reader *reader, struct gateway_log_entry *entry,
                     const struct said *said)
{
    bool server = has_server(entry->upstream);
    switch (reader->format) {
    case GATEWAY_LOG_NGINX:
        conclude_nginx(reader, entry, said);
        break;
    case GATEWAY_LOG_HAPROXY:
        copy_text(entry->reason, sizeof(entry->reason), said->state);
        entry->causes = gateway_cause_haproxy(said->state, entry->status, server);
        entry->tries = server ? said->retries + 1 : 0;
        break;
    case GATEWAY_LOG_ENVOY:
        snprintf(entry->reason, sizeof(entry->reason), "%.40s %.120s", said->flags, said->details);
        entry->causes = gateway_cause_envoy(said->flags, said->details, entry->status);
        break;
    default:
        break;
    }
    if (said->tries > 0)
        entry->tries = said->tries;
    if (!reader->reuses)
        gateway_causes_exclude(&entry->causes, CAUSE_REUSED_CLOSED);
}

static bool take_request(struct gateway_log_reader *reader, const char *at, const char *end,
                         struct gateway_log_entry *entry)
{
    struct said said = {.upstream_status = 0};
    struct word word;
    bool right = true;
    *entry = (struct gateway_log_entry){.total_ns = -1};
    while (right && (at = take_word(at, end, &word, &right)))
        right = take_said(entry, &said, &word);
    bool has_reason = reader->format == GATEWAY_LOG_HAPROXY ? said.state[0] != '\0'
                      : reader->format == GATEWAY_LOG_ENVOY ? said.flags[0] != '\0'
                                                            : true;
    if (!right || !said.has_status || !has_reason)
        return false;
    conclude(reader, entry, &said);
    return true;
}

/* ---- nginx's error log */

/* Lesser levels say what followed from an error, or how connections went. */
static bool is_grave(const char *line, const char *end)
{
    static const char *const levels[] = {" [error] ", " [crit] ", " [alert] ", " [emerg] "};
    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        if (memmem(line, (size_t)(end - line), levels[i], strlen(levels[i])))
            return true;
    return false;
}

/* The number behind "*", and what stands behind it; NULL: the line has none. */
static const char *find_connection(const char *line, const char *end, uint64_t *connection)
{
    const char *star = memmem(line, (size_t)(end - line), ": *", 3);
    if (!star)
        return NULL;
    const char *at = star + 3;
    *connection = 0;
    for (; at < end && isdigit((unsigned char)*at); at++)
        *connection = *connection * 10 + (uint64_t)(*at - '0');
    return at > star + 3 && at < end && *at == ' ' ? at + 1 : NULL;
}

/* "DATE TIME [error] PID#TID: *17 MESSAGE, client: ...": keeps the message. */
static bool take_message(struct gateway_log_reader *reader, const char *line, const char *end)
{
    uint64_t connection = 0;
    const char *text = find_connection(line, end, &connection);
    const char *stop = text ? memmem(text, (size_t)(end - text), ", client: ", 10) : NULL;
    if (!stop || !is_grave(line, text))
        return false;
    struct gateway_log_message *message = slot_of(reader, connection);
    if (message->connection == connection && memmem(text, (size_t)(stop - text), "no live ", 8))
        return true; /* its tries have failed before that: what they met is why */
    message->connection = connection;
    size_t length = 0;
    for (; text < stop && length + 1 < sizeof(message->text); text++)
        message->text[length++] = (unsigned char)*text < ' ' ? '?' : *text;
    message->text[length] = '\0';
    return true;
}

bool gateway_log_take(struct gateway_log_reader *reader, const char *line, size_t length,
                      struct gateway_log_entry *entry)
{
    size_t mark = strlen(request_mark);
    const char *end = line + length;
    reader->lines++;
    if (length < mark || memcmp(line, request_mark, mark) != 0) {
        bool message = reader->format == GATEWAY_LOG_NGINX && take_message(reader, line, end);
        reader->messages += message;
        reader->others += !message;
        return false;
    }
    if (take_request(reader, line + mark, end, entry)) {
        reader->requests++;
        reader->untraced += !entry->has_trace;
        return true;
    }
    if (reader->not_understood++ == 0)
        for (size_t i = 0; i < length && i + 1 < sizeof(reader->example); i++)
            reader->example[i] = line[i] < ' ' || line[i] > '~' ? '?' : line[i];
    return false;
}
