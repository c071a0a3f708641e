/* YAML text -> tree (yaml.h).
 *
 * Happy path: check_bytes() sees that the text is UTF-8 without control characters; libyaml's events are read
 * by recursive descent (depth is limited) into nodes of an arena; a mapping that is complete has its merge
 * keys put in and its duplicates found.
 *
 * Failure modes: what stops libyaml is explained by yaml_hint.c and ends the reading, as do the limits on
 * depth, on values (each alias counts with all that is below it, so an alias bomb is found when its second
 * stage is read) and on anchors. Duplicate keys, unknown tags and keys that are no words are noted and
 * reading goes on, so that one pass names them all.
 */
#include "base/yaml.h"

#include <limits.h>
#include <string.h>
#include <yaml.h>

#include "base/mem.h"
#include "base/utf8.h"

#define BLOCK_SIZE 65536

struct tree_block {
    struct tree_block *next;
    size_t used, size;
    _Alignas(16) char bytes[];
};

struct anchor {
    char *name;
    struct node *node; /* NULL while its value is being read */
};

struct parser {
    yaml_parser_t yaml;
    const char *text;
    size_t len;
    struct tree *tree;
    struct problems *problems;
    const char *origin;
    struct anchor anchors[YAML_ANCHORS_MAX];
    int n_anchors;
    int64_t weight; /* of all values so far */
};

/* The arena. */

void *tree_alloc(struct tree *tree, size_t size)
{
    struct tree_block *block = tree->blocks;
    size = (size + 15) & ~(size_t)15;
    if (!block || block->size - block->used < size) {
        size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
        block = mem_alloc(sizeof *block + room);
        *block = (struct tree_block){tree->blocks, 0, room};
        tree->blocks = block;
    }
    void *p = block->bytes + block->used;
    block->used += size;
    return memset(p, 0, size);
}

char *tree_text(struct tree *tree, const char *text, size_t len)
{
    char *copy = tree_alloc(tree, len + 1);
    memcpy(copy, text, len);
    return copy;
}

void tree_done(struct tree *tree)
{
    while (tree->blocks) {
        struct tree_block *next = tree->blocks->next;
        if (tree->kind && tree->kind->secret)
            explicit_bzero(tree->blocks->bytes, tree->blocks->used);
        free(tree->blocks);
        tree->blocks = next;
    }
    *tree = (struct tree){0};
}

/* Bytes. */

struct position {
    const char *p;
    struct mark mark;
};

static void advance(struct position *at, size_t n)
{
    if (*at->p == '\n') {
        at->mark = (struct mark){at->mark.line + 1, 1};
    } else {
        at->mark.column++;
    }
    at->p += n;
}

/* Every byte must be text; the first that is not is the only problem reported, for the rest is likely to be the same. */
static int check_bytes(const struct parser *p)
{
    struct position at = {p->text, {1, 1}};
    const char *end = p->text + p->len;
    while (at.p < end) {
        unsigned char c = (unsigned char)*at.p;
        size_t n = utf8_length(at.p, (size_t)(end - at.p));
        const char *what = NULL;
        if (n == 0)
            what = "is not UTF-8; save the file in that encoding";
        else if (c == 0)
            what = "is a NUL byte; ";
        else if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
            what = "is a control character; write it as an escape in a quoted text, such as \"\\x1b\"";
        if (what) {
            place_problem(p->problems, p->origin, at.mark, "byte 0x%02x %s%s%s", c, what, c ? "" : p->tree->kind->what, c ? "" : " is text");
            return -1;
        }
        advance(&at, n);
    }
    return 0;
}

/* A text of the file as messages may have it. */
static const char *shown(const struct parser *p, const char *text)
{
    return p->tree->kind->secret ? "…" : text;
}

/* Events. */

static struct mark mark_of(yaml_mark_t at)
{
    return (struct mark){at.line < INT_MAX ? (int)at.line + 1 : INT_MAX, at.column < INT_MAX ? (int)at.column + 1 : INT_MAX};
}

static int explain(struct parser *p)
{
    CLEANUP_BUF struct buf text = {0};
    struct yaml_complaint complaint = {
        p->yaml.problem ? p->yaml.problem : "it cannot be read",
        p->yaml.context,
        mark_of(p->yaml.problem_mark),
        mark_of(p->yaml.context_mark),
    };
    struct mark at = yaml_explain(&complaint, p->text, p->len, p->tree->kind->secret, &text);
    place_problem(p->problems, p->origin, at, "%s", buf_cstr(&text));
    return -1;
}

static int next(struct parser *p, yaml_event_t *ret)
{
    return yaml_parser_parse(&p->yaml, ret) ? 0 : explain(p);
}

/* Counts values; -1 when there are too many of them. */
static int count(struct parser *p, int64_t weight, struct mark at)
{
    p->weight += weight;
    if (p->weight <= YAML_NODES_MAX)
        return 0;
    const char *too_many = p->tree->kind->too_many;
    place_problem(p->problems, p->origin, at, "more than %d values, counting what aliases stand for%s%s", YAML_NODES_MAX,
                  too_many ? "; " : "", too_many ? too_many : "");
    return -1;
}

static struct node *node_new(struct parser *p, enum node_kind kind, struct mark at)
{
    struct node *node = tree_alloc(p->tree, sizeof *node);
    node->kind = kind;
    node->mark = p->origin ? (struct mark){0} : at;
    node->origin = p->origin;
    node->quote = -1;
    node->weight = 1;
    return node;
}

/* Plain scalars: the YAML 1.2 core schema. */

static size_t digits(const char *text, const char *set)
{
    return strspn(text, set);
}

static bool is_one_of(const char *text, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

static bool is_int(const char *text)
{
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'o')) {
        size_t n = digits(text + 2, text[1] == 'x' ? "0123456789abcdefABCDEF" : "01234567");
        return n && text[2 + n] == '\0';
    }
    text += *text == '-' || *text == '+';
    size_t n = digits(text, "0123456789");
    return n && text[n] == '\0';
}

static bool is_float(const char *text)
{
    static const char *const special[] = {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"};
    bool sign = *text == '-' || *text == '+';
    text += sign;
    if (is_one_of(text, special, sign ? 3 : ARRAY_LEN(special)))
        return true;
    size_t whole = digits(text, "0123456789"), fraction = 0;
    text += whole;
    if (*text == '.') {
        fraction = digits(text + 1, "0123456789");
        text += 1 + fraction;
    }
    if (whole + fraction == 0)
        return false;
    if (*text == 'e' || *text == 'E') {
        text++;
        text += *text == '-' || *text == '+';
        size_t n = digits(text, "0123456789");
        return n && text[n] == '\0';
    }
    return *text == '\0';
}

static enum node_kind plain_kind(const char *text)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    static const char *const bools[] = {"true", "True", "TRUE", "false", "False", "FALSE"};
    if (is_one_of(text, nulls, ARRAY_LEN(nulls)))
        return NODE_NULL;
    if (is_one_of(text, bools, ARRAY_LEN(bools)))
        return NODE_BOOL;
    if (is_int(text))
        return NODE_INT;
    return is_float(text) ? NODE_FLOAT : NODE_TEXT;
}

/* The kind that a tag asks for, checked against what the text looks like. */
static enum node_kind tagged_kind(struct parser *p, const char *tag, const char *text, struct mark at)
{
    static const struct {
        const char *tag;
        enum node_kind kind;
    } known[] = {
        {"null", NODE_NULL}, {"bool", NODE_BOOL}, {"int", NODE_INT}, {"float", NODE_FLOAT}, {"str", NODE_TEXT},
    };
    enum node_kind looks = plain_kind(text);
    const char *name = strncmp(tag, "tag:yaml.org,2002:", 18) == 0 ? tag + 18 : "";
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (strcmp(name, known[i].tag) != 0)
            continue;
        if (known[i].kind == NODE_TEXT || known[i].kind == looks || (known[i].kind == NODE_FLOAT && looks == NODE_INT))
            return known[i].kind;
        place_problem(p->problems, p->origin, at, "`%s` is no %s, as its tag says", shown(p, text), name);
        return looks;
    }
    place_problem(p->problems, p->origin, at, "unknown tag `%s`; leave it out", shown(p, tag));
    return looks;
}

static size_t letters(const char *text, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

/* Escapes and doubled quotes make the source longer than the text, so equal lengths mean equal texts. */
static int quote_width(const yaml_event_t *e)
{
    int quote = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    size_t n = letters((const char *)e->data.scalar.value, e->data.scalar.length);
    bool one_line = e->start_mark.line == e->end_mark.line;
    return one_line && e->end_mark.column - e->start_mark.column == n + 2 * (size_t)quote ? quote : -1;
}

static bool fits_64_bits(const char *text)
{
    const char *first = text + 2 + strspn(text + 2, "0");
    size_t n = strlen(first);
    return text[1] == 'x' ? n <= 16 : n < 22 || (n == 22 && *first == '1');
}

static struct node *parse_scalar(struct parser *p, const yaml_event_t *e)
{
    const char *text = (const char *)e->data.scalar.value;
    size_t len = e->data.scalar.length;
    struct mark at = mark_of(e->start_mark);
    enum node_kind kind = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? plain_kind(text) : NODE_TEXT;
    if (memchr(text, '\0', len)) {
        place_problem(p->problems, p->origin, at, "a text cannot hold a NUL character");
        len = strlen(text);
    }
    if (e->data.scalar.tag)
        kind = tagged_kind(p, (const char *)e->data.scalar.tag, text, at);
    if (kind == NODE_INT && text[0] == '0' && (text[1] == 'x' || text[1] == 'o') && !fits_64_bits(text))
        place_problem(p->problems, p->origin, at, "`%s` has more than 64 bits; write it as a quoted text", shown(p, text));
    struct node *node = node_new(p, kind, at);
    node->text = tree_text(p->tree, text, len);
    node->quote = quote_width(e);
    node->weight = 1 + (int)(len / YAML_BYTES_A_NODE);
    return count(p, node->weight, at) ? NULL : node;
}

/* Anchors and aliases. */

static struct anchor *anchor_find(struct parser *p, const char *name)
{
    for (int i = 0; i < p->n_anchors; i++)
        if (strcmp(p->anchors[i].name, name) == 0)
            return &p->anchors[i];
    return NULL;
}

/* A place for the anchor's value; an anchor of the same name is replaced. NULL if there are too many. */
static struct anchor *anchor_open(struct parser *p, const char *name, struct mark at)
{
    struct anchor *anchor = anchor_find(p, name);
    if (!anchor && p->n_anchors == YAML_ANCHORS_MAX) {
        place_problem(p->problems, p->origin, at, "more than %d anchors", YAML_ANCHORS_MAX);
        return NULL;
    }
    if (!anchor) {
        anchor = &p->anchors[p->n_anchors++];
        anchor->name = tree_text(p->tree, name, strlen(name));
    }
    anchor->node = NULL;
    return anchor;
}

static struct node *parse_alias(struct parser *p, const yaml_event_t *e, int depth)
{
    const char *name = (const char *)e->data.alias.anchor;
    struct mark at = mark_of(e->start_mark);
    struct anchor *anchor = anchor_find(p, name);
    if (!anchor) {
        place_problem(p->problems, p->origin, at,
                      "no anchor `&%s` stands above this alias; if it is meant as text, write \"*%s\"", shown(p, name),
                      shown(p, name));
        return NULL;
    }
    if (!anchor->node) {
        place_problem(p->problems, p->origin, at, "the alias `*%s` stands inside its own value", shown(p, name));
        return NULL;
    }
    if (depth + anchor->node->height > YAML_DEPTH_MAX) {
        place_problem(p->problems, p->origin, at, "nested deeper than %d", YAML_DEPTH_MAX);
        return NULL;
    }
    return count(p, anchor->node->weight, at) ? NULL : anchor->node;
}

/* Collections. */

static struct node *parse_node(struct parser *p, yaml_event_t *e, int depth);

struct items {
    struct node **list;
    int n, cap;
};

static int parse_items(struct parser *p, int depth, struct items *items)
{
    for (;;) {
        yaml_event_t e;
        if (next(p, &e))
            return -1;
        if (e.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&e);
            return 0;
        }
        struct node *item = parse_node(p, &e, depth);
        if (!item)
            return -1;
        MEM_GROW(items->list, items->n, items->cap);
        items->list[items->n++] = item;
    }
}

static int parse_list(struct parser *p, struct node *node, int depth)
{
    struct items items = {0};
    int failed = parse_items(p, depth, &items);
    if (!failed) {
        node->n = items.n;
        node->items = tree_alloc(p->tree, (size_t)items.n * sizeof *items.list);
        for (int i = 0; i < items.n; i++) {
            node->items[i] = items.list[i];
            if (items.list[i]->height >= node->height)
                node->height = items.list[i]->height + 1;
        }
    }
    free(items.list);
    return failed;
}

struct pairs {
    struct pair *list;
    int n, cap;
};

static void add_pair(struct pairs *pairs, struct pair pair)
{
    MEM_GROW(pairs->list, pairs->n, pairs->cap);
    pairs->list[pairs->n++] = pair;
}

/* Puts the pairs of the mapping, or mappings, that "<<" names where it stands; add_unique() drops those that are
 * overridden. -1 if that makes too many values. */
static int merge(struct parser *p, struct pairs *pairs, const struct pair *by)
{
    const struct node *from = by->value;
    bool list = from->kind == NODE_LIST;
    for (int i = 0; i < (list ? from->n : 1); i++) {
        const struct node *map = list ? from->items[i] : from;
        if (map->kind != NODE_MAP) {
            place_problem(p->problems, p->origin, by->mark, "`<<` takes a mapping or a list of mappings, such as `<<: *base`");
            continue;
        }
        if (count(p, map->n, by->mark))
            return -1;
        for (int j = 0; j < map->n; j++) {
            struct pair pair = map->pairs[j];
            pair.merged = true;
            add_pair(pairs, pair);
        }
    }
    return 0;
}

static int by_key(const void *a, const void *b)
{
    const struct pair *x = *(const struct pair *const *)a, *y = *(const struct pair *const *)b;
    int order = strcmp(x->key, y->key);
    if (order)
        return order;
    if (x->merged != y->merged)
        return x->merged ? 1 : -1;
    return x < y ? -1 : x > y;
}

/* Of pairs with one key the mapping's own counts, then the first that was merged in; a second one of its own is
 * a mistake. The others lose their value. */
static void drop_duplicates(struct parser *p, struct pairs *pairs)
{
    struct pair **sorted = mem_resize(NULL, (size_t)pairs->n + 1, sizeof *sorted);
    for (int i = 0; i < pairs->n; i++)
        sorted[i] = &pairs->list[i];
    qsort(sorted, (size_t)pairs->n, sizeof *sorted, by_key);
    const struct pair *first = NULL;
    for (int i = 0; i < pairs->n; i++) {
        struct pair *pair = sorted[i];
        if (!first || strcmp(first->key, pair->key) != 0) {
            first = pair;
            continue;
        }
        if (!pair->merged)
            place_problem(p->problems, p->origin, pair->mark, "`%s` stands here twice, first in line %d", pair->key,
                          first->mark.line);
        pair->value = NULL;
    }
    free(sorted);
}

/* Reads a key into `ret`; a list or mapping as key is a problem, and the pair counts for nothing (key NULL). */
static int parse_key(struct parser *p, yaml_event_t *e, int depth, struct pair *ret, bool *ret_merge)
{
    struct mark at = mark_of(e->start_mark);
    bool merges = e->type == YAML_SCALAR_EVENT && e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
                  strcmp((const char *)e->data.scalar.value, "<<") == 0;
    struct node *key = parse_node(p, e, depth);
    if (!key)
        return -1;
    if (key->kind == NODE_LIST || key->kind == NODE_MAP)
        place_problem(p->problems, p->origin, at, "a key must be a word, not %s; a placeholder is written \"${x}\"",
                      key->kind == NODE_LIST ? "a list" : "a mapping");
    else
        ret->key = key->text;
    ret->mark = p->origin ? (struct mark){0} : at;
    ret->origin = p->origin;
    *ret_merge = merges;
    return 0;
}

static int parse_pairs(struct parser *p, int depth, struct pairs *pairs)
{
    for (;;) {
        yaml_event_t e;
        struct pair pair = {0};
        bool merges;
        if (next(p, &e))
            return -1;
        if (e.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&e);
            return 0;
        }
        if (parse_key(p, &e, depth, &pair, &merges) || next(p, &e))
            return -1;
        pair.value = parse_node(p, &e, depth);
        if (!pair.value)
            return -1;
        if (merges && merge(p, pairs, &pair))
            return -1;
        if (!merges && pair.key)
            add_pair(pairs, pair);
    }
}

static int parse_map(struct parser *p, struct node *node, int depth)
{
    struct pairs pairs = {0};
    int failed = parse_pairs(p, depth, &pairs);
    if (!failed) {
        drop_duplicates(p, &pairs);
        node->pairs = tree_alloc(p->tree, (size_t)pairs.n * sizeof *pairs.list);
        for (int i = 0; i < pairs.n; i++) {
            if (!pairs.list[i].value)
                continue;
            node->pairs[node->n++] = pairs.list[i];
            if (pairs.list[i].value->height >= node->height)
                node->height = pairs.list[i].value->height + 1;
        }
    }
    free(pairs.list);
    return failed;
}

static struct node *parse_collection(struct parser *p, const yaml_event_t *e, int depth)
{
    bool list = e->type == YAML_SEQUENCE_START_EVENT;
    const char *tag = (const char *)(list ? e->data.sequence_start.tag : e->data.mapping_start.tag);
    struct mark at = mark_of(e->start_mark);
    struct node *node = node_new(p, list ? NODE_LIST : NODE_MAP, at);
    int64_t before = p->weight;
    if (depth >= YAML_DEPTH_MAX) {
        place_problem(p->problems, p->origin, at, "nested deeper than %d", YAML_DEPTH_MAX);
        return NULL;
    }
    if (tag && strcmp(tag, list ? YAML_SEQ_TAG : YAML_MAP_TAG) != 0)
        place_problem(p->problems, p->origin, at, "unknown tag `%s`; leave it out", shown(p, tag));
    node->height = 1;
    if (count(p, 1, at) || (list ? parse_list(p, node, depth + 1) : parse_map(p, node, depth + 1)))
        return NULL;
    node->weight = (int)(p->weight - before);
    return node;
}

static const char *anchor_of(const yaml_event_t *e)
{
    if (e->type == YAML_SCALAR_EVENT)
        return (const char *)e->data.scalar.anchor;
    if (e->type == YAML_SEQUENCE_START_EVENT)
        return (const char *)e->data.sequence_start.anchor;
    return e->type == YAML_MAPPING_START_EVENT ? (const char *)e->data.mapping_start.anchor : NULL;
}

/* Takes ownership of the event. NULL: reading ends. */
static struct node *parse_node(struct parser *p, yaml_event_t *e, int depth)
{
    const char *name = anchor_of(e);
    struct anchor *anchor = NULL;
    struct node *node = NULL;
    if (!name || (anchor = anchor_open(p, name, mark_of(e->start_mark)))) {
        if (e->type == YAML_ALIAS_EVENT)
            node = parse_alias(p, e, depth);
        else if (e->type == YAML_SCALAR_EVENT)
            node = parse_scalar(p, e);
        else
            node = parse_collection(p, e, depth);
    }
    if (anchor)
        anchor->node = node;
    yaml_event_delete(e);
    return node;
}

/* Documents. */

static int next_type(struct parser *p, yaml_event_type_t *ret, struct mark *ret_mark)
{
    yaml_event_t e;
    if (next(p, &e))
        return -1;
    *ret = e.type;
    *ret_mark = mark_of(e.start_mark);
    yaml_event_delete(&e);
    return 0;
}

static int parse_document(struct parser *p)
{
    yaml_event_t e;
    yaml_event_type_t type;
    struct mark at;
    if (next_type(p, &type, &at) /* the stream's start */ || next_type(p, &type, &at))
        return -1;
    if (type == YAML_STREAM_END_EVENT)
        return 0;
    if (next(p, &e))
        return -1;
    p->tree->root = parse_node(p, &e, 0);
    if (!p->tree->root || next_type(p, &type, &at) /* the document's end */ || next_type(p, &type, &at))
        return -1;
    if (type != YAML_STREAM_END_EVENT) {
        place_problem(p->problems, p->origin, at, "a second document begins here; %s is one", p->tree->kind->what);
        return -1;
    }
    return 0;
}

int tree_parse(struct tree *tree, const char *text, size_t len, const char *origin, struct problems *problems)
{
    struct parser *p = MEM_NEW(struct parser);
    p->text = text;
    p->len = len;
    p->tree = tree;
    p->problems = problems;
    p->origin = origin;
    tree->root = NULL;
    int failed = check_bytes(p);
    if (!failed) {
        if (!yaml_parser_initialize(&p->yaml))
            abort();
        yaml_parser_set_encoding(&p->yaml, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&p->yaml, (const unsigned char *)text, len);
        failed = parse_document(p);
        yaml_parser_delete(&p->yaml);
    }
    free(p);
    return failed;
}
