/* --set KEY=VALUE: puts a value into the tree before it is read, as if the file had it. */
#include "base/mem.h"
#include "jobfile/reader.h"

/* A mapping is copied before it is changed, for aliases may share it. */
static struct node *copy_map(struct tree *tree, const struct node *map)
{
    struct node *copy = tree_alloc(tree, sizeof *copy);
    *copy = *map;
    copy->pairs = tree_alloc(tree, (size_t)(map->n + 1) * sizeof *copy->pairs);
    if (map->n)
        memcpy(copy->pairs, map->pairs, (size_t)map->n * sizeof *copy->pairs);
    return copy;
}

static struct node *empty_node(struct tree *tree, enum node_kind kind, const char *origin)
{
    struct node *node = tree_alloc(tree, sizeof *node);
    *node = (struct node){.kind = kind, .origin = origin, .quote = -1, .height = kind == NODE_MAP, .weight = 1};
    if (kind == NODE_NULL)
        node->text = tree_text(tree, "", 0);
    return node;
}

/* Returns `map` with `value` under the dotted key, or NULL if something on the way is no mapping. */
static struct node *set_in(struct tree *tree, const struct node *map, const char *key, struct node *value, const char *origin)
{
    size_t len = strcspn(key, ".");
    char *name = tree_text(tree, key, len);
    if (map->kind != NODE_MAP)
        return NULL;
    struct node *copy = copy_map(tree, map);
    struct pair *pair = node_find(copy, name);
    if (key[len]) {
        const struct node *below = pair && pair->value->kind != NODE_NULL ? pair->value : empty_node(tree, NODE_MAP, origin);
        value = set_in(tree, below, key + len + 1, value, origin);
        if (!value)
            return NULL;
        /* What stood in the file keeps its place in messages. */
        if (pair) {
            pair->value = value;
            return copy;
        }
    }
    if (!pair)
        pair = &copy->pairs[copy->n++];
    *pair = (struct pair){.origin = origin, .key = name, .value = value};
    return copy;
}

static bool well_formed(const char *key)
{
    return *key && *key != '.' && !strstr(key, "..") && key[strlen(key) - 1] != '.';
}

static void set_one(struct tree *tree, const char *set, struct problems *problems)
{
    const char *equals = strchr(set, '=');
    char *key = tree_text(tree, set, equals ? (size_t)(equals - set) : strlen(set));
    struct node *root = tree->root;
    if (!equals || !well_formed(key)) {
        place_problem(problems, key, (struct mark){0}, "write KEY=VALUE, such as parallelism=8 or results.perTask=true");
        return;
    }
    int failed = tree_parse(tree, equals + 1, strlen(equals + 1), key, problems);
    struct node *value = tree->root ? tree->root : empty_node(tree, NODE_NULL, key);
    tree->root = root;
    if (failed)
        return;
    struct node *changed = set_in(tree, root, key, value, key);
    if (changed)
        tree->root = changed;
    else
        place_problem(problems, key, (struct mark){0},
                      "this leads into something that is no mapping; set the key above it as a whole");
}

void sets_apply(struct tree *tree, const struct jobfile_source *source, struct problems *problems)
{
    for (int i = 0; i < source->n_sets && tree->root && tree->root->kind == NODE_MAP; i++)
        set_one(tree, source->sets[i], problems);
}
