/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "lib/base/buf.h"
#include "lib/conf/distribution.h"
#include "lib/conf/keys.h"
#include "lib/conf/shape.h"
#include "lib/conf/type.h"
#include "lib/conf/visited.h"

struct schema {
    struct conf_visited visited;
    cJSON *definitions;
};

static cJSON *describe_value(struct schema *schema, const struct conf_key *key);

/* Tables of one name get a number: "step", "step_2". */
static void append_name(const struct schema *schema, struct buf *out,
                        const struct conf_table *table)
{
    unsigned ordinal = 1;
    for (size_t i = 0; i < schema->visited.count && schema->visited.tables[i] != table; i++)
        ordinal += strcmp(schema->visited.tables[i]->name, table->name) == 0;
    for (const char *c = table->name; *c; c++)
        buf_append(out, strchr(" /~%#", *c) ? "_" : c, 1);
    if (ordinal > 1)
        buf_printf(out, "_%u", ordinal);
}

static void add_bounds(cJSON *value, const struct conf_key *key)
{
    if (!conf_has_bounds(key))
        return;
    cJSON_AddNumberToObject(value, "minimum", key->min);
    if (conf_has_maximum(key))
        cJSON_AddNumberToObject(value, "maximum", key->max);
}

static void add_types(cJSON *value, const struct conf_type_facts *type)
{
    const struct {
        int accepts;
        const char *name;
    } names[] = {
        {cJSON_True, "boolean"},  {cJSON_Number, type->whole ? "integer" : "number"},
        {cJSON_String, "string"}, {cJSON_Array, "array"},
        {cJSON_Object, "object"},
    };
    cJSON *types = cJSON_CreateArray();
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (type->accepts & names[i].accepts)
            cJSON_AddItemToArray(types, cJSON_CreateString(names[i].name));
    bool one = cJSON_GetArraySize(types) == 1;
    cJSON_AddItemToObject(value, "type", one ? cJSON_DetachItemFromArray(types, 0) : types);
    if (one)
        cJSON_Delete(types);
}

static cJSON *describe_choices(const struct conf_key *key)
{
    cJSON *value = cJSON_CreateObject();
    cJSON *choices = cJSON_AddArrayToObject(value, "enum");
    for (size_t i = 0; key->choices[i]; i++)
        cJSON_AddItemToArray(choices, cJSON_CreateString(key->choices[i]));
    return value;
}

static cJSON *describe_object(struct schema *schema, const struct conf_table *table)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "type", "object");
    cJSON *properties = cJSON_AddObjectToObject(object, "properties");
    cJSON *required = cJSON_CreateArray();
    struct conf_keys keys = {.table = table};
    size_t shift;
    for (const struct conf_key *key; (key = conf_keys_next(&keys, &shift));) {
        cJSON *value = describe_value(schema, key);
        cJSON_AddStringToObject(value, "description", key->meaning ? key->meaning : key->name);
        if (key->otherwise)
            cJSON_AddItemToObject(value, "default", conf_default(key));
        cJSON_AddItemToObject(properties, key->name, value);
        if (key->flags & CONF_REQUIRED)
            cJSON_AddItemToArray(required, cJSON_CreateString(key->name));
    }
    cJSON_AddItemToObject(object, "required", required);
    cJSON_AddBoolToObject(object, "additionalProperties", false);
    if (table->one_key) {
        cJSON_AddNumberToObject(object, "minProperties", 1);
        cJSON_AddNumberToObject(object, "maxProperties", 1);
    }
    return object;
}

/* Where a bare string is allowed, the object or what its key allows. */
static cJSON *describe_table(struct schema *schema, const struct conf_table *table)
{
    cJSON *object = describe_object(schema, table);
    for (size_t i = 0; table->shorthand && i < table->key_count; i++) {
        if (strcmp(table->keys[i].name, table->shorthand) != 0)
            continue;
        cJSON *either = cJSON_CreateObject();
        cJSON *forms = cJSON_AddArrayToObject(either, "anyOf");
        cJSON_AddItemToArray(forms, object);
        cJSON_AddItemToArray(forms, describe_value(schema, &table->keys[i]));
        return either;
    }
    return object;
}

/* A reference to the definition of a table, which is made when it is first met. */
static cJSON *refer(struct schema *schema, const struct conf_table *table)
{
    bool new = conf_visit(&schema->visited, table);
    struct buf path = {0};
    buf_append_text(&path, "#/$defs/");
    append_name(schema, &path, table);
    buf_append(&path, "", 1);
    if (new) {
        cJSON *definition = describe_table(schema, table);
        if (table->meaning)
            cJSON_AddStringToObject(definition, "description", table->meaning);
        cJSON_AddItemToObject(schema->definitions, strrchr(buf_head(&path), '/') + 1, definition);
    }
    cJSON *reference = cJSON_CreateObject();
    cJSON_AddStringToObject(reference, "$ref", buf_head(&path));
    buf_free(&path);
    return reference;
}

static cJSON *describe_scalar(const struct conf_key *key, const struct conf_type_facts *type)
{
    cJSON *value = cJSON_CreateObject();
    add_types(value, type);
    if (type->pattern)
        cJSON_AddStringToObject(value, "pattern", type->pattern);
    if (type->accepts & cJSON_Number)
        add_bounds(value, key);
    if (key->type == CONF_STRING && (key->flags & CONF_NOT_EMPTY))
        cJSON_AddNumberToObject(value, "minLength", 1);
    return value;
}

/* A text form, or an object. */
static cJSON *describe_distribution(struct schema *schema)
{
    struct conf_type_facts text = *conf_type_facts(CONF_DIST);
    struct conf_key key = {.type = CONF_DIST};
    text.accepts = cJSON_String;
    cJSON *value = cJSON_CreateObject();
    cJSON *forms = cJSON_AddArrayToObject(value, "anyOf");
    cJSON_AddItemToArray(forms, describe_scalar(&key, &text));
    cJSON_AddItemToArray(forms, refer(schema, &conf_distribution_table));
    return value;
}

static cJSON *describe_entries(struct schema *schema, const struct conf_key *key)
{
    bool map = key->type == CONF_MAP;
    struct conf_key element = *key;
    element.type = key->type == CONF_FLAGS ? CONF_ENUM : key->element;
    cJSON *value = cJSON_CreateObject();
    add_types(value, conf_type_facts(key->type));
    cJSON_AddItemToObject(value, map ? "additionalProperties" : "items",
                          key->sub ? refer(schema, key->sub) : describe_value(schema, &element));
    if (key->flags & CONF_NOT_EMPTY)
        cJSON_AddNumberToObject(value, map ? "minProperties" : "minItems", 1);
    return value;
}

static cJSON *describe_value(struct schema *schema, const struct conf_key *key)
{
    switch (key->type) {
    case CONF_DIST:
        return describe_distribution(schema);
    case CONF_ENUM:
        return describe_choices(key);
    case CONF_OBJECT:
        return refer(schema, key->sub);
    case CONF_FLAGS:
    case CONF_LIST:
    case CONF_MAP:
        return describe_entries(schema, key);
    case CONF_RAW:
        return cJSON_CreateObject();
    default:
        return describe_scalar(key, conf_type_facts(key->type));
    }
}

/* The outermost object may name its schema. */
static void allow_schema_key(const struct schema *schema, const char *reference)
{
    const char *name = strrchr(reference, '/') + 1;
    cJSON *definition = cJSON_GetObjectItemCaseSensitive(schema->definitions, name);
    cJSON *properties = cJSON_GetObjectItemCaseSensitive(definition, "properties");
    if (properties)
        cJSON_AddStringToObject(cJSON_AddObjectToObject(properties, CONF_SCHEMA_KEY), "type",
                                "string");
}

void conf_write_schema(FILE *out, const struct conf_table *table)
{
    struct schema schema = {.definitions = cJSON_CreateObject()};
    cJSON *root = refer(&schema, table);
    allow_schema_key(&schema, root->child->valuestring);
    cJSON_AddStringToObject(root, "$schema", "https://json-schema.org/draft/2020-12/schema");
    cJSON_AddStringToObject(root, "title", table->name);
    cJSON_AddItemToObject(root, "$defs", schema.definitions);
    char *text = cJSON_Print(root);
    fprintf(out, "%s\n", text ? text : "");
    cJSON_free(text);
    cJSON_Delete(root);
    conf_visited_free(&schema.visited);
}
