/* SPDX-License-Identifier: MIT */
#include "chaos/api/toxiproxy.h"

#include <stdlib.h>
#include <string.h>

#include "chaos/api/words.h"

/* ---- bodies and names */

/* The body as JSON; the caller deletes it. NULL and the error when it is none. */
static cJSON *read_body(struct api_call *call)
{
    const char *end = NULL;
    if (call->body_length == 0) {
        api_fail(&call->error, 400, "bad request body: EOF");
        return NULL;
    }
    cJSON *body = cJSON_ParseWithLengthOpts(call->body, call->body_length, &end, false);
    if (!body)
        api_fail(&call->error, 400, "bad request body: it is no JSON at byte %zu",
                 end ? (size_t)(end - call->body) + 1 : 1);
    return body;
}

static struct link *find_link(struct api_call *call)
{
    struct link *link = links_find(call->links, call->names[0]);
    if (!link)
        api_fail(&call->error, 404, "proxy not found");
    return link;
}

static struct live_fault *find_toxic(struct api_call *call, const struct link *link)
{
    struct live_fault *live = link_find_fault(link, call->names[1]);
    if (!live)
        api_fail(&call->error, 404, "toxic not found");
    return live;
}

static bool done(struct api_call *call, int status, cJSON *json)
{
    call->status = status;
    call->json = json;
    return true;
}

/* ---- showing */

static cJSON *show_toxics(const struct link *link)
{
    cJSON *toxics = cJSON_CreateArray();
    list_foreach (node, &link->faults)
        cJSON_AddItemToArray(toxics, toxic_show(list_entry(node, struct live_fault, node)));
    return toxics;
}

static cJSON *show_link(const struct link *link)
{
    cJSON *proxy = cJSON_CreateObject();
    cJSON_AddStringToObject(proxy, "name", link->name);
    cJSON_AddStringToObject(proxy, "listen", link->listen);
    cJSON_AddStringToObject(proxy, "upstream", link->upstream);
    cJSON_AddBoolToObject(proxy, "enabled", link_is_enabled(link));
    cJSON_AddItemToObject(proxy, "toxics", show_toxics(link));
    return proxy;
}

static int compare_links(const void *a, const void *b)
{
    return strcmp((*(const struct link *const *)a)->name, (*(const struct link *const *)b)->name);
}

/* By name, as Go writes maps. */
bool toxiproxy_list(struct api_call *call)
{
    size_t count = 0;
    cJSON *proxies = cJSON_CreateObject();
    list_foreach (node, &call->links->all)
        count++;
    const struct link **sorted = mem_alloc(count, sizeof(const struct link *));
    count = 0;
    list_foreach (node, &call->links->all)
        sorted[count++] = list_entry(node, struct link, node);
    qsort(sorted, count, sizeof(const struct link *), compare_links);
    for (size_t i = 0; i < count; i++)
        cJSON_AddItemToObject(proxies, sorted[i]->name, show_link(sorted[i]));
    free(sorted);
    return done(call, 200, proxies);
}

bool toxiproxy_show(struct api_call *call)
{
    const struct link *link = find_link(call);
    return link && done(call, 200, show_link(link));
}

/* ---- creating */

/* What a body says of a proxy. */
struct proxy_input {
    const char *name, *listen, *upstream;
    bool enabled;
};

static bool read_text(const cJSON *body, const char *name, const char **text,
                      struct api_error *error)
{
    const cJSON *member = body_member(body, name);
    if (member && !cJSON_IsString(member))
        return api_fail(error, 400, "bad request body: \"%s\" must be a string", name);
    if (member)
        *text = member->valuestring;
    return true;
}

/* What the body does not say stays as it is. */
static bool read_input(const cJSON *body, struct proxy_input *input, struct api_error *error)
{
    const cJSON *enabled = body_member(body, "enabled");
    if (!cJSON_IsObject(body))
        return api_fail(error, 400, "bad request body: an object was expected");
    if (enabled && !cJSON_IsBool(enabled))
        return api_fail(error, 400, "bad request body: \"enabled\" must be true or false");
    if (enabled)
        input->enabled = cJSON_IsTrue(enabled);
    return read_text(body, "name", &input->name, error) &&
           read_text(body, "listen", &input->listen, error) &&
           read_text(body, "upstream", &input->upstream, error);
}

static const struct proxy_input no_input = {"", "", "", true};

static bool find_ends(const struct proxy_input *input, struct link_ends *ends,
                      struct api_error *error)
{
    struct error why;
    *ends = (struct link_ends){.listen = *input->listen ? input->listen : "localhost:0",
                               .upstream = input->upstream};
    if (link_find_ends(ends, &why) != OK)
        return api_fail(error, 400, "bad request body: %s", why.text);
    return true;
}

static bool enable(struct link *link, struct api_error *error)
{
    struct error why;
    if (link_enable(link, &why) != OK)
        return api_fail(error, 500, "%s", why.text);
    return true;
}

static struct link *create(struct links *links, const struct proxy_input *input,
                           const struct link_ends *ends, struct api_error *error)
{
    struct error why;
    struct link *link = link_add(links, input->name);
    if (link_set_ends(link, ends, &why) != OK || (input->enabled && !enable(link, error))) {
        link_remove(link);
        return NULL;
    }
    return link;
}

static bool check_new(const struct proxy_input *input, struct api_error *error)
{
    if (!*input->name)
        return api_fail(error, 400, "missing required field: name");
    if (!*input->upstream)
        return api_fail(error, 400, "missing required field: upstream");
    if (strlen(input->name) >= API_NAME)
        return api_fail(error, 400, "bad request body: \"name\" is too long");
    return true;
}

bool toxiproxy_create(struct api_call *call)
{
    struct proxy_input input = no_input;
    struct link_ends ends;
    struct link *link = NULL;
    cJSON *body = read_body(call);
    bool good = body && read_input(body, &input, &call->error) &&
                words_check_proxy(body, call->ignored, &call->error) &&
                check_new(&input, &call->error);
    if (good && links_find(call->links, input.name))
        good = api_fail(&call->error, 409, "proxy already exists");
    if (good && find_ends(&input, &ends, &call->error))
        link = create(call->links, &input, &ends, &call->error);
    cJSON_Delete(body);
    return link && done(call, 201, show_link(link));
}

/* ---- populating */

static bool check_all(const cJSON *body, struct buf *ignored, struct api_error *error)
{
    int number = 0;
    if (!cJSON_IsArray(body))
        return api_fail(error, 400, "bad request body: an array was expected");
    for (const cJSON *item = body->child; item; item = item->next) {
        struct proxy_input input = no_input;
        struct api_error why;
        number++;
        if (!read_input(item, &input, error) || !words_check_proxy(item, ignored, error))
            return false;
        if (!check_new(&input, &why))
            return api_fail(error, why.status, "%.600s at proxy %d", why.text, number);
    }
    return true;
}

/* Another link by the same name, without the faults of the one before. Where it cannot be, that one
 * goes on. */
static struct link *replace(struct link *link, const struct proxy_input *input,
                            const struct link_ends *ends, struct api_error *error)
{
    struct error why;
    if (link_set_ends(link, ends, &why) != OK) {
        api_fail(error, 500, "%s", why.text);
        return NULL;
    }
    link_remove_faults(link);
    link->accepted = 0;
    if (!input->enabled)
        link_disable(link);
    else if (!enable(link, error))
        return NULL;
    return link;
}

static struct link *populate_one(struct links *links, const cJSON *item, struct api_error *error)
{
    struct proxy_input input = no_input;
    struct link_ends ends;
    if (!read_input(item, &input, error) || !find_ends(&input, &ends, error))
        return NULL;
    struct link *link = links_find(links, input.name);
    if (link && link_has_ends(link, &ends))
        return link;
    return link ? replace(link, &input, &ends, error) : create(links, &input, &ends, error);
}

static bool populate_failed(struct api_call *call, cJSON *proxies)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "error", call->error.text);
    cJSON_AddNumberToObject(json, "status", call->error.status);
    cJSON_AddItemToObject(json, "proxies", proxies);
    return done(call, call->error.status, json);
}

bool toxiproxy_populate(struct api_call *call)
{
    bool good = true;
    cJSON *body = read_body(call);
    if (!body)
        return false;
    if (!check_all(body, call->ignored, &call->error)) {
        cJSON_Delete(body);
        return populate_failed(call, cJSON_CreateNull());
    }
    cJSON *proxies = cJSON_CreateArray();
    for (const cJSON *item = body->child; item && good; item = item->next) {
        const struct link *link = populate_one(call->links, item, &call->error);
        good = link != NULL;
        if (good)
            cJSON_AddItemToArray(proxies, show_link(link));
    }
    cJSON_Delete(body);
    if (!good)
        return populate_failed(call, proxies);
    cJSON *json = cJSON_CreateObject();
    cJSON_AddItemToObject(json, "proxies", proxies);
    return done(call, 201, json);
}

/* ---- changing */

static bool change(struct link *link, const struct proxy_input *input, struct api_error *error)
{
    struct link_ends ends;
    struct error why;
    if (!find_ends(input, &ends, error))
        return false;
    if (!link_has_ends(link, &ends) && link_set_ends(link, &ends, &why) != OK)
        return api_fail(error, 500, "%s", why.text);
    if (input->enabled)
        return enable(link, error);
    link_disable(link);
    return true;
}

bool toxiproxy_update(struct api_call *call)
{
    struct link *link = find_link(call);
    cJSON *body = link ? read_body(call) : NULL;
    if (!body)
        return false;
    struct proxy_input input = {.name = "",
                                .listen = link->listen,
                                .upstream = link->upstream,
                                .enabled = link_is_enabled(link)};
    bool good = read_input(body, &input, &call->error) &&
                words_check_proxy(body, call->ignored, &call->error) &&
                change(link, &input, &call->error);
    cJSON_Delete(body);
    return good && done(call, 200, show_link(link));
}

bool toxiproxy_delete(struct api_call *call)
{
    struct link *link = find_link(call);
    if (!link)
        return false;
    link_remove(link);
    return done(call, 204, NULL);
}

bool toxiproxy_reset(struct api_call *call)
{
    list_foreach (node, &call->links->all) {
        struct link *link = list_entry(node, struct link, node);
        link_remove_faults(link);
        if (!enable(link, &call->error))
            return false;
    }
    return done(call, 204, NULL);
}

/* ---- toxics */

bool toxiproxy_list_toxics(struct api_call *call)
{
    const struct link *link = find_link(call);
    return link && done(call, 200, show_toxics(link));
}

bool toxiproxy_create_toxic(struct api_call *call)
{
    struct link *link = find_link(call);
    cJSON *body = link ? read_body(call) : NULL;
    if (!body)
        return false;
    struct fault *fault = toxic_make(body, call->ignored, &call->error);
    cJSON_Delete(body);
    if (!fault)
        return false;
    if (link_find_fault(link, fault->config.name)) {
        fault_free(fault);
        return api_fail(&call->error, 409, "toxic already exists");
    }
    return done(call, 200, toxic_show(link_add_fault(link, fault, false)));
}

bool toxiproxy_show_toxic(struct api_call *call)
{
    const struct link *link = find_link(call);
    const struct live_fault *live = link ? find_toxic(call, link) : NULL;
    return live && done(call, 200, toxic_show(live));
}

bool toxiproxy_update_toxic(struct api_call *call)
{
    struct link *link = find_link(call);
    struct live_fault *live = link ? find_toxic(call, link) : NULL;
    cJSON *body = live ? read_body(call) : NULL;
    struct fault *fault = body ? toxic_update(live, body, call->ignored, &call->error) : NULL;
    cJSON_Delete(body);
    if (!fault)
        return false;
    link_change_fault(link, live, fault);
    return done(call, 200, toxic_show(live));
}

bool toxiproxy_delete_toxic(struct api_call *call)
{
    struct link *link = find_link(call);
    struct live_fault *live = link ? find_toxic(call, link) : NULL;
    if (!live)
        return false;
    link_remove_fault(link, live);
    return done(call, 204, NULL);
}
