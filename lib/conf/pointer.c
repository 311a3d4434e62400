/* SPDX-License-Identifier: MIT */
/* JSON Pointers (RFC 6901). */
#include <stdbool.h>
#include <string.h>

#include "lib/conf/doc.h"

/* One token of a pointer, up to the next slash, still escaped. */
struct token {
    const char *text;
    size_t length;
};

/* Takes the next character of an escaped token ("~1" is "/", "~0" is "~"); false when there is none
 * or its escape is malformed. */
static bool next_character(struct token *token, char *out)
{
    bool escaped = token->length > 0 && token->text[0] == '~';
    if (token->length < (escaped ? 2 : 1) ||
        (escaped && token->text[1] != '0' && token->text[1] != '1'))
        return false;
    *out = token->text[0];
    if (escaped)
        *out = token->text[1] == '0' ? '~' : '/';
    token->text += escaped ? 2 : 1;
    token->length -= escaped ? 2 : 1;
    return true;
}

static bool token_is(struct token token, const char *name)
{
    char c;
    while (token.length > 0) {
        if (!next_character(&token, &c) || c != *name)
            return false;
        name++;
    }
    return *name == '\0';
}

/* An index is digits alone, without a leading zero. */
static cJSON *find_element(cJSON *array, struct token token)
{
    size_t digits = strspn(token.text, "0123456789");
    if (token.length == 0 || digits != token.length || token.length > 9 ||
        (token.length > 1 && token.text[0] == '0'))
        return NULL;
    int index = 0;
    for (size_t i = 0; i < token.length; i++)
        index = index * 10 + (token.text[i] - '0');
    return cJSON_GetArrayItem(array, index);
}

static cJSON *find_child(cJSON *item, struct token token)
{
    if (cJSON_IsArray(item))
        return find_element(item, token);
    for (cJSON *child = item->child; child; child = child->next)
        if (token_is(token, child->string))
            return child;
    return NULL;
}

struct cJSON *conf_pointer(struct cJSON *root, const char *pointer)
{
    cJSON *item = root;
    while (item && *pointer) {
        if (*pointer++ != '/')
            return NULL;
        size_t length = strcspn(pointer, "/");
        item = find_child(item, (struct token){pointer, length});
        pointer += length;
    }
    return item;
}
