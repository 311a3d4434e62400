/* SPDX-License-Identifier: MIT */
#include "lib/record/value.h"

#include <string.h>

#include "lib/base/clock.h"

const char *record_name(const struct record_source *source, uint16_t name)
{
    return name < source->name_count ? source->names[name] : NULL;
}

size_t value_digits(char *out, uint64_t number)
{
    char reversed[VALUE_DIGITS];
    size_t n = 0;
    do
        reversed[n++] = (char)('0' + number % 10);
    while (number /= 10);
    for (size_t i = 0; i < n; i++)
        out[i] = reversed[n - 1 - i];
    return n;
}

static void set_integer(struct column_value *value, uint64_t integer)
{
    value->type = VALUE_INTEGER;
    value->integer = integer;
}

/* Below `least` a moment or a length of time means that there is none. */
static void set_time(struct column_value *value, int64_t ns, int64_t least)
{
    if (ns >= least)
        set_integer(value, (uint64_t)ns);
}

static void set_text(struct column_value *value, const char *text, size_t length, bool plain)
{
    value->type = VALUE_TEXT;
    value->text = text;
    value->length = length;
    value->plain = plain;
}

static bool is_plain(const char *text, size_t length)
{
    bool plain = true;
    for (size_t i = 0; i < length; i++)
        plain &= text[i] >= ' ' && text[i] <= '~' && text[i] != '"' && text[i] != '\\';
    return plain;
}

static void read_name(struct column_value *value, uint16_t index,
                      const struct record_source *source)
{
    const char *name = record_name(source, index);
    if (!name)
        return;
    size_t length = strlen(name);
    set_text(value, name, length, is_plain(name, length));
}

/* What there is no room for is counted with the others. */
static void read_names(struct column_value *value, const struct record_names *names,
                       const struct record_source *source)
{
    size_t n = 0;
    unsigned more = names->more;
    for (size_t i = 0; i < RECORD_NAMES && names->of[i] != 0; i++) {
        const char *name = record_name(source, (uint16_t)(names->of[i] - 1));
        size_t length = name ? strlen(name) : 0;
        if (length == 0 || n + length + VALUE_DIGITS + 3 > sizeof(value->scratch)) {
            more++;
            continue;
        }
        if (n > 0)
            value->scratch[n++] = ',';
        memcpy(value->scratch + n, name, length);
        n += length;
    }
    if (more > 0) {
        if (n > 0)
            value->scratch[n++] = ',';
        value->scratch[n++] = '+';
        n += value_digits(value->scratch + n, more);
    }
    if (n > 0)
        set_text(value, value->scratch, n, is_plain(value->scratch, n));
}

static size_t put_hex(char *out, uint8_t byte, const char *digits)
{
    out[0] = digits[byte >> 4];
    out[1] = digits[byte & 15];
    return 2;
}

static void read_trace(struct column_value *value, const struct record_trace *trace)
{
    static const struct record_trace none;
    if (memcmp(trace, &none, sizeof(none)) == 0)
        return;
    size_t n = 0;
    for (size_t i = 0; i < sizeof(trace->bytes); i++)
        n += put_hex(value->scratch + n, trace->bytes[i], "0123456789abcdef");
    set_text(value, value->scratch, n, true);
}

static void read_peer(struct column_value *value, const struct ip_peer *peer)
{
    size_t length = ip_peer_format(peer, value->scratch);
    if (length > 0)
        set_text(value, value->scratch, length, true);
}

static void read_text(struct column_value *value, const char *text, size_t room)
{
    size_t length = strnlen(text, room);
    bool plain = is_plain(text, length);
    size_t n = 0;
    for (size_t i = 0; !plain && i < length; i++) {
        if (text[i] >= ' ' && text[i] <= '~') {
            value->scratch[n++] = text[i];
        } else {
            value->scratch[n++] = '%';
            n += put_hex(value->scratch + n, (uint8_t)text[i], "0123456789ABCDEF");
        }
    }
    if (plain)
        set_text(value, text, length, true);
    else
        set_text(value, value->scratch, n, is_plain(value->scratch, n));
}

static void read_enumeration(struct column_value *value, enum column_type type, uint16_t number)
{
    const char *name = column_type_row(type)->value_name(number);
    set_text(value, name, strlen(name), true);
}

/* Each case reads as many bytes as its type has. */
void column_read(struct column_value *value, const struct column *column, const void *record,
                 const struct record_source *source)
{
    const void *at = (const char *)record + column->offset;
    value->type = VALUE_NULL;
    switch (column->type) {
    case COLUMN_BOOL:
        set_integer(value, *(const record_BOOL *)at);
        break;
    case COLUMN_U16:
        set_integer(value, *(const record_U16 *)at);
        break;
    case COLUMN_U32:
        set_integer(value, *(const record_U32 *)at);
        break;
    case COLUMN_U64:
        set_integer(value, *(const record_U64 *)at);
        break;
    case COLUMN_MONO:
        set_time(value, *(const record_MONO *)at, 1);
        break;
    case COLUMN_SPAN:
        set_time(value, *(const record_SPAN *)at, 0);
        break;
    case COLUMN_NAME:
        read_name(value, *(const record_NAME *)at, source);
        break;
    case COLUMN_NAMES:
        read_names(value, at, source);
        break;
    case COLUMN_TRACE:
        read_trace(value, at);
        break;
    case COLUMN_PEER:
        read_peer(value, at);
        break;
    case COLUMN_TEXT16:
    case COLUMN_TEXT112:
        read_text(value, at, column->size);
        break;
    case COLUMN_CAUSE:
    case COLUMN_CLIENT_ERROR:
    case COLUMN_PAUSE_KIND:
    case COLUMN_STATE_KIND:
        read_enumeration(value, column->type, *(const uint16_t *)at);
        break;
    case COLUMN_TYPE_COUNT:
        break;
    }
}

/* ---- time */

#define DAYS_4_YEARS   1461
#define DAYS_CENTURY   36524
#define DAYS_4_CENTURY 146097
#define DAYS_TO_1970   719468 /* from 1 March of the year 0 */

struct date {
    unsigned year, month, day;
};

/* Years are counted from March, so that the leap day is the last of its year. (gmtime_r would take
 * a lock that all threads share.) */
static struct date date_of(uint64_t days_since_1970)
{
    uint64_t days = days_since_1970 + DAYS_TO_1970;
    uint64_t year = days / DAYS_4_CENTURY * 400;
    uint64_t rest = days % DAYS_4_CENTURY;
    uint64_t centuries = rest / DAYS_CENTURY;
    centuries -= centuries == 4; /* the leap day that ends the four centuries */
    rest -= centuries * DAYS_CENTURY;
    uint64_t fours = rest / DAYS_4_YEARS;
    rest -= fours * DAYS_4_YEARS;
    uint64_t years = rest / 365;
    years -= years == 4; /* the leap day that ends the four years */
    rest -= years * 365;
    year += centuries * 100 + fours * 4 + years;

    /* From March the months' lengths repeat 31 30 31 30 31: 153 days every five. */
    uint64_t month = (5 * rest + 2) / 153;
    uint64_t day = rest - (153 * month + 2) / 5 + 1;
    bool next_year = month >= 10;
    return (struct date){(unsigned)(year + next_year),
                         (unsigned)(next_year ? month - 9 : month + 3), (unsigned)day};
}

/* `width` digits with leading zeros, and the character behind them. */
static char *put_padded(char *out, uint64_t number, size_t width, char after)
{
    for (size_t i = width; i-- > 0; number /= 10)
        out[i] = (char)('0' + number % 10);
    out[width] = after;
    return out + width + 1;
}

static void format_time(char out[VALUE_TIME], wall moment)
{
    uint64_t us = (uint64_t)(moment.ns > 0 ? moment.ns : 0) / (uint64_t)NS_PER_US;
    uint64_t seconds = us / 1000000;
    struct date date = date_of(seconds / 86400);
    out = put_padded(out, date.year, 4, '-');
    out = put_padded(out, date.month, 2, '-');
    out = put_padded(out, date.day, 2, 'T');
    out = put_padded(out, seconds / 3600 % 24, 2, ':');
    out = put_padded(out, seconds / 60 % 60, 2, ':');
    out = put_padded(out, seconds % 60, 2, '.');
    out = put_padded(out, us % 1000000, 6, 'Z');
    *out = '\0';
}

bool record_time(char out[VALUE_TIME], const struct record_source *source,
                 const struct record_layout *layout, const void *record)
{
    const struct column *column = layout->columns;
    while (column < layout->columns + layout->column_count && column->type != COLUMN_MONO)
        column++;
    if (column == layout->columns + layout->column_count)
        return false;
    int64_t moment = *(const record_MONO *)(const void *)((const char *)record + column->offset);
    if (moment <= 0)
        return false;
    format_time(out, (wall){moment + source->clock_offset.ns});
    return true;
}
