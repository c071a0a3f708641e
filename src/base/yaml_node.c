/* What is done with a tree once it is read: finding keys, and writing it out again (yaml.h). */
#include "base/mem.h"
#include "base/yaml.h"

/* Longer keys than libyaml takes before a ":" are written behind a "?". */
#define SIMPLE_KEY_MAX 500

struct pair *node_find(const struct node *map, const char *key)
{
    if (map->kind != NODE_MAP)
        return NULL;
    for (int i = 0; i < map->n; i++)
        if (strcmp(map->pairs[i].key, key) == 0)
            return &map->pairs[i];
    return NULL;
}

/* Digits of a decimal number as JSON wants them: "+5", "007", ".5" and "5." are none. */
static void decimal_json(const char *text, struct buf *out)
{
    bool sign = *text == '-' || *text == '+';
    if (*text == '-')
        buf_add_char(out, '-');
    text += sign;
    while (text[0] == '0' && text[1] >= '0' && text[1] <= '9')
        text++;
    if (*text == '.')
        buf_add_char(out, '0');
    for (; *text; text++) {
        buf_add_char(out, *text);
        if (*text == '.' && (text[1] < '0' || text[1] > '9'))
            buf_add_char(out, '0');
    }
}

static void int_json(const char *text, struct buf *out)
{
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'o'))
        buf_printf(out, "%llu", strtoull(text + 2, NULL, text[1] == 'x' ? 16 : 8));
    else
        decimal_json(text, out);
}

/* JSON has no infinities; they go as text. */
static void float_json(const char *text, struct buf *out)
{
    const char *digits = text + (*text == '-' || *text == '+');
    if (digits[0] == '.' && (digits[1] == 'i' || digits[1] == 'I'))
        buf_add_str(out, *text == '-' ? "\"-inf\"" : "\"inf\"");
    else if (digits[0] == '.' && (digits[1] == 'n' || digits[1] == 'N'))
        buf_add_str(out, "\"nan\"");
    else
        decimal_json(text, out);
}

static void scalar_json(const struct node *node, struct buf *out)
{
    switch (node->kind) {
    case NODE_NULL:
        buf_add_str(out, "null");
        break;
    case NODE_BOOL:
        buf_add_str(out, node->text[0] == 't' || node->text[0] == 'T' ? "true" : "false");
        break;
    case NODE_INT:
        int_json(node->text, out);
        break;
    case NODE_FLOAT:
        float_json(node->text, out);
        break;
    case NODE_TEXT:
    case NODE_LIST:
    case NODE_MAP:
        buf_add_json(out, slice_str(node->text));
        break;
    }
}

static void scalar_yaml(const struct node *node, struct buf *out)
{
    if (node->kind == NODE_TEXT)
        buf_add_json(out, slice_str(node->text));
    else
        buf_add_str(out, *node->text ? node->text : "null");
}

static void key_yaml(const char *key, struct buf *out)
{
    bool plain = strlen(key) <= SIMPLE_KEY_MAX;
    if (!plain)
        buf_add_str(out, "? ");
    buf_add_json(out, slice_str(key));
    buf_add_str(out, plain ? ": " : " : ");
}

static void write_node(const struct node *node, bool json, struct buf *out)
{
    if (node->kind == NODE_LIST) {
        buf_add_char(out, '[');
        for (int i = 0; i < node->n; i++) {
            if (i)
                buf_add_str(out, json ? "," : ", ");
            write_node(node->items[i], json, out);
        }
        buf_add_char(out, ']');
    } else if (node->kind == NODE_MAP) {
        buf_add_char(out, '{');
        for (int i = 0; i < node->n; i++) {
            if (i)
                buf_add_str(out, json ? "," : ", ");
            if (json) {
                buf_add_json(out, slice_str(node->pairs[i].key));
                buf_add_char(out, ':');
            } else {
                key_yaml(node->pairs[i].key, out);
            }
            write_node(node->pairs[i].value, json, out);
        }
        buf_add_char(out, '}');
    } else if (json) {
        scalar_json(node, out);
    } else {
        scalar_yaml(node, out);
    }
}

void node_json(const struct node *node, struct buf *out)
{
    write_node(node, true, out);
}

void node_yaml(const struct node *node, struct buf *out)
{
    write_node(node, false, out);
}
