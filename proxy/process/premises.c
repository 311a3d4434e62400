/* SPDX-License-Identifier: MIT */
#include "proxy/process/premises.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/units.h"
#include "lib/net/address.h"
#include "lib/record/store.h"
#include "proxy/process/privileges.h"

struct premises_look {
    const struct conf_doc *doc;
    const struct proxy_config *config;
    premises_say *say;
    void *arg;
    enum result result;
};

static void say(struct premises_look *look, enum result result, const struct cJSON *at,
                const char *format, ...) PRINTF_LIKE(4, 5);

static void say(struct premises_look *look, enum result result, const struct cJSON *at,
                const char *format, ...)
{
    char text[512];
    struct error error;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    (void)conf_error_at(look->doc, at, &error, "%s", text);
    look->say(look->arg, error.text);
    if (look->result != FAILED_INPUT)
        look->result = result;
}

/* A member of the item; the item itself when it is written short. */
static const struct cJSON *member_or_self(const struct cJSON *item, const char *name)
{
    const struct cJSON *member = conf_member(item, name);
    return member ? member : item;
}

static const struct cJSON *root_member(const struct premises_look *look, const char *name)
{
    return conf_member(conf_doc_root(look->doc), name);
}

/* ---- addresses beside each other */

static bool is_wildcard(const struct address *address)
{
    static const struct in6_addr any = IN6ADDR_ANY_INIT;
    return address->u.any.sa_family == AF_INET6
               ? memcmp(&address->u.in6.sin6_addr, &any, sizeof(any)) == 0
               : address->u.in.sin_addr.s_addr == htonl(INADDR_ANY);
}

/* Whether the kernel lets nobody listen at both. A port of 0 is another each time; [::] is for IPv4
 * as well. */
static bool collide(const struct address *a, const struct address *b)
{
    int family = a->u.any.sa_family, other = b->u.any.sa_family;
    if (family == AF_UNIX || other == AF_UNIX)
        return address_equal(a, b);
    uint16_t port = address_peer(a).port;
    if (port == 0 || address_peer(b).port != port)
        return false;
    if (family != other)
        return is_wildcard(family == AF_INET6 ? a : b);
    return address_equal(a, b) || is_wildcard(a) || is_wildcard(b);
}

static const struct cJSON *place_of_address(const struct premises_look *look, size_t number)
{
    const struct listener_config *listeners = look->config->listeners.items;
    return number < look->config->listeners.count
               ? member_or_self(listeners[number].item, "address")
               : member_or_self(root_member(look, "admin"), "address");
}

/* Of a listener, or, behind the last, the admin address. */
static const char *address_of(const struct premises_look *look, size_t number)
{
    const struct listener_config *listeners = look->config->listeners.items;
    return number < look->config->listeners.count ? listeners[number].address
                                                  : look->config->admin.address;
}

static void look_at_addresses(struct premises_look *look)
{
    size_t listeners = look->config->listeners.count;
    for (size_t i = 1; i <= listeners; i++) {
        struct address one, other;
        const char *text = address_of(look, i);
        if (!text || !address_parse(&one, text))
            continue;
        for (size_t j = 0; j < i; j++) {
            if (!address_parse(&other, address_of(look, j)) || !collide(&one, &other))
                continue;
            say(look, FAILED_INPUT, place_of_address(look, i),
                "%s %s is taken by the listener %s of this file (choose another port, or leave one "
                "of them out)",
                i < listeners ? "the listener" : "the admin address", text, address_of(look, j));
            break;
        }
    }
}

/* ---- records */

static void look_at_record_limit(struct premises_look *look)
{
    const struct proxy_config *config = look->config;
    uint64_t workers = config->workers > 0 ? (uint64_t)config->workers : 1;
    uint64_t least = workers * RECORD_SEGMENT_LEAST;
    char text[32];
    if (config->record && config->record_limit > 0 && config->record_limit < least)
        say(look, FAILED_INPUT, root_member(look, "record_limit"),
            "\"record_limit\" is less than one segment for each worker takes: expected at least %s",
            units_format_size(text, sizeof(text), least));
}

/* ---- the machine */

static void look_at_owner(struct premises_look *look)
{
    struct error error;
    if (look->config->user && privileges_find_user(look->config->user, &error) != OK)
        say(look, FAILED_INPUT, root_member(look, "user"), "%s", error.text);
    if (look->config->group && privileges_find_group(look->config->group, &error) != OK)
        say(look, FAILED_INPUT, root_member(look, "group"), "%s", error.text);
}

static bool is_folder(const char *path)
{
    struct stat is;
    return stat(path, &is) == 0 && S_ISDIR(is.st_mode);
}

static bool has_folder(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 0;
    if (length == 0 || length >= sizeof(folder))
        return true;
    memcpy(folder, path, length);
    folder[length] = '\0';
    return is_folder(folder);
}

static void look_at_folder_of(struct premises_look *look, const struct cJSON *at, const char *what,
                              const char *path)
{
    if (!has_folder(path))
        say(look, FAILED_SYSTEM, at,
            "cannot %s %s: its folder is not there (make it, or choose another path)", what, path);
}

static void look_at_sockets(struct premises_look *look)
{
    static const char unix_prefix[] = "unix:";
    const size_t prefix = sizeof(unix_prefix) - 1;
    for (size_t i = 0; i <= look->config->listeners.count; i++) {
        const char *address = address_of(look, i);
        if (address && strncmp(address, unix_prefix, prefix) == 0)
            look_at_folder_of(look, place_of_address(look, i), "listen on", address + prefix);
    }
}

static void look_at_outputs(struct premises_look *look)
{
    const char *log = look->config->access_log.path, *record = look->config->record;
    const struct cJSON *at = member_or_self(root_member(look, "access_log"), "path");
    struct stat is;
    if (log && strcmp(log, "-") != 0) {
        if (is_folder(log))
            say(look, FAILED_SYSTEM, at, "the access log %s is a folder (name a file in it)", log);
        look_at_folder_of(look, at, "open the access log", log);
    }
    if (record && stat(record, &is) == 0 && !S_ISDIR(is.st_mode))
        say(look, FAILED_SYSTEM, root_member(look, "record"),
            "%s is no folder, and records are files in one (choose another path)", record);
    else if (record)
        look_at_folder_of(look, root_member(look, "record"), "make the folder of records", record);
}

enum result premises_check(const struct conf_doc *doc, const struct proxy_config *config,
                           unsigned what, premises_say *say_it, void *arg)
{
    struct premises_look look = {.doc = doc, .config = config, .say = say_it, .arg = arg};
    if (what & PREMISES_FILE) {
        look_at_addresses(&look);
        look_at_record_limit(&look);
    }
    if (what & PREMISES_MACHINE) {
        look_at_owner(&look);
        look_at_sockets(&look);
        look_at_outputs(&look);
    }
    return look.result;
}
