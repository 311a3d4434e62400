/* SPDX-License-Identifier: MIT */
/* Blame in words. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lab/analysis/blame.h"
#include "lib/base/units.h"
#include "lib/record/reader.h"

/* A text in a place of fixed size; what does not fit is cut. */
struct words {
    char *out;
    size_t size, length;
};

static void say(struct words *words, const char *format, ...) PRINTF_LIKE(2, 3);
static void say(struct words *words, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(words->out + words->length, words->size - words->length, format, args);
    va_end(args);
    words->length += wanted > 0 ? (size_t)wanted : 0;
    if (words->length >= words->size)
        words->length = words->size - 1;
}

static const char *length_text(char out[32], int64_t length)
{
    units_format_duration(out, 32, duration_ns(length));
    return out;
}

static const char *name_of(const char *const *names, size_t count, uint32_t number)
{
    return number < count ? names[number] : "every endpoint";
}

static void say_span(struct words *words, const struct blame_book *book,
                     const struct blame_span *span)
{
    const char *where = span->target
                            ? span->target
                            : name_of(book->endpoints, book->endpoint_count, span->endpoint);
    switch (span->class) {
    case BLAME_INJECTED:
        say(words, "the injected %s \"%s\" on %s", span->kind, span->name, where);
        break;
    case BLAME_PAUSE:
        say(words, "a %s of %s", span->kind, where);
        break;
    case BLAME_GATEWAY:
        say(words, "a stall of the gateway itself");
        break;
    default:
        say(words, "a stall of %s that was seen from outside alone", where);
    }
}

/* ---- the chain */

/* As the gateway says, if it does. */
static const char *end_of(const struct blame_case *item)
{
    if (item->part == BLAME_SLOW)
        return "slow";
    bool said = item->recorded && item->cause != CAUSE_NONE;
    return said ? cause_row(item->cause)->name : client_error_name(item->error);
}

/* What was in force need not hold a request itself: whoever holds a lock it waits for will do. */
static bool waited_for_locks(const struct blame_case *item)
{
    return item->overlaps[BLAME_LOCK] * 2 >= item->until - item->from && item->until > item->from;
}

void blame_chain(char out[BLAME_CHAIN], const struct blame_book *book,
                 const struct blame_case *item)
{
    struct words words = {out, BLAME_CHAIN, 0};
    out[0] = '\0';
    if (item->span != BLAME_NONE) {
        const struct blame_span *span = &book->spans[item->span];
        say(&words, "%s%s%s > ", span->kind, span->name[0] ? " " : "", span->name);
        if (item->aftermath)
            say(&words, "aftermath > ");
        if (waited_for_locks(item))
            say(&words, "lock > ");
    }
    if (item->state != BLAME_NONE) {
        const struct blame_state *state = &book->states[item->state];
        if (item->failures > 0)
            say(&words, item->mixed ? "%u failures, mostly %s > " : "%u x %s > ", item->failures,
                cause_row(item->failure)->name);
        say(&words, "%s %s > ", state_kind_name(state->kind), state->subject);
    } else if (item->part == BLAME_FAILED && item->failures > 1) {
        say(&words, "%u tries > ", item->failures);
    }
    say(&words, "%s", end_of(item));
}

/* ---- the verdict */

static void say_what(struct words *words, const struct blame_case *item)
{
    char text[32];
    int64_t whole = item->until - item->from;
    if (item->part == BLAME_SLOW)
        say(words, "answered after %s",
            length_text(text, item->latency > 0 ? item->latency : whole));
    else if (item->part == BLAME_LOST)
        say(words, "no whole answer for the client (%s) after %s, %s",
            client_error_name(item->error), length_text(text, item->latency),
            item->recorded ? end_of(item) : "and no record of the gateway");
    else if (item->status > 0)
        say(words, "%d, %s, after %s", item->status, cause_row(item->cause)->name,
            length_text(text, whole));
    else
        say(words, "no answer, %s, after %s", cause_row(item->cause)->name,
            length_text(text, whole));
}

static void say_overlap(struct words *words, const struct blame_book *book,
                        const struct blame_case *item)
{
    const struct blame_span *span = &book->spans[item->span];
    char text[32];
    if (item->meanwhile)
        say(words, ", refused for a reason that was not recorded, during ");
    else if (item->aftermath)
        say(words, ", in the aftermath of ");
    else if (item->held > 0)
        say(words, ", %s of it in ", length_text(text, item->held));
    else
        say(words, ", by ");
    say_span(words, book, span);
    if (waited_for_locks(item))
        say(words, ", %s of it waiting for locks in the backend",
            length_text(text, item->overlaps[BLAME_LOCK]));
}

static void say_class(struct words *words, const struct blame_case *item)
{
    char text[32];
    int64_t amount = item->overlaps[item->class];
    if (amount > 0 && item->class != BLAME_UNATTRIBUTED)
        say(words, ", %s of it by ", length_text(text, amount));
    else
        say(words, ": ");
    say(words, "%s", blame_class_meaning(item->class));
}

static void say_counterfactual(struct words *words, const struct blame_case *item)
{
    char text[32];
    if (item->timeout < 0)
        return;
    if (item->true_wait < 0)
        say(words, "; no late arrival was recorded, so whether it would have been answered in time "
                   "is not known");
    else
        say(words, "; the response%s came after %s", item->failures > 1 ? " to the last try" : "",
            length_text(text, item->true_wait));
    if (item->would_succeed >= 0)
        say(words, ": without that it would %s been in time",
            item->would_succeed ? "have" : "not have");
}

void blame_verdict(char out[BLAME_VERDICT], const struct blame_book *book,
                   const struct blame_case *item)
{
    struct words words = {out, BLAME_VERDICT, 0};
    out[0] = '\0';
    say_what(&words, item);
    if (item->gave_up)
        say(&words, ", given up by the backend itself");
    if (item->state != BLAME_NONE)
        say(&words, ", refused since %s of %s", state_kind_name(book->states[item->state].kind),
            book->states[item->state].subject);
    if (item->state != BLAME_NONE && item->failures > 0)
        say(&words, " behind %u failed tries (%s%s)", item->failures, item->mixed ? "mostly " : "",
            cause_row(item->failure)->name);
    if (item->span != BLAME_NONE && item->state != BLAME_NONE) {
        say(&words, "; behind that, ");
        say_span(&words, book, &book->spans[item->span]);
    } else if (item->span != BLAME_NONE) {
        say_overlap(&words, book, item);
    } else {
        say_class(&words, item);
    }
    if (item->span != BLAME_NONE && item->other != BLAME_NONE) {
        say(&words, "; another of its tries met ");
        say_span(&words, book, &book->spans[item->other]);
    }
    say_counterfactual(&words, item);
}
