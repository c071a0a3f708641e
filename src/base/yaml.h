/* YAML text -> a tree whose every value knows its place.
 *
 * Built on libyaml's events: aliases point at the value of their anchor (so the tree is a graph without
 * cycles), merge keys are put in, plain scalars are typed by the YAML 1.2 core schema and keep the text they
 * were written with. Everything belongs to the tree and goes with tree_done().
 */
#ifndef KT_BASE_YAML_H
#define KT_BASE_YAML_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/problems.h"

#define YAML_DEPTH_MAX 64      /* nesting of collections */
#define YAML_NODES_MAX 1000000 /* values after aliases are followed: stops alias bombs */
/* Anchors that a file may have; looking one up is a walk over them. */
#define YAML_ANCHORS_MAX 256
/* Each such number of bytes of a text counts as one more value against YAML_NODES_MAX: stops aliases of a long text. */
#define YAML_BYTES_A_NODE 32

enum node_kind { NODE_NULL, NODE_BOOL, NODE_INT, NODE_FLOAT, NODE_TEXT, NODE_LIST, NODE_MAP };

struct pair;

struct node {
    enum node_kind kind;
    struct mark mark;
    const char *origin; /* KEY of the --set that it came with; NULL: the file */
    int quote;          /* its text stands in the file on one line as it is, so many columns behind the mark; -1: not */
    int height;         /* collections below it, itself included */
    int weight;         /* values below it, itself included, aliases followed */
    int n;              /* LIST, MAP */
    union {
        char *text; /* scalars: as written, without quotes */
        struct node **items;
        struct pair *pairs;
    };
};
struct pair {
    struct mark mark;
    const char *origin;
    char *key;
    struct node *value;
    bool merged; /* by "<<" */
};

/* What is read, for messages about it. */
struct yaml_kind {
    const char *what;     /* "a job file" */
    const char *too_many; /* what to do where there are too many values; NULL: nothing */
    bool secret;          /* its texts are never quoted back */
};

struct tree_block;
struct tree {
    const struct yaml_kind *kind;
    struct tree_block *blocks;
    struct node *root; /* NULL: the file has no value at all */
};

/* Parses `text` into `tree`, whose kind is set and which may hold other values already, and sets its root. -1 if the text is no
 * YAML, or beyond a limit; what is wrong is added to `problems` (also where 0 is returned: duplicate keys).
 * `origin`: the KEY of a --set, for messages; NULL for a file. */
int tree_parse(struct tree *tree, const char *text, size_t len, const char *origin, struct problems *problems);
void tree_done(struct tree *tree);
/* Memory that goes with the tree. */
void *tree_alloc(struct tree *tree, size_t size);
char *tree_text(struct tree *tree, const char *text, size_t len);

struct pair *node_find(const struct node *map, const char *key);
/* Appends the value as compact JSON; numbers as written, as far as JSON allows. */
void node_json(const struct node *node, struct buf *out);
/* Appends the value as YAML in flow style, scalars exactly as written. */
void node_yaml(const struct node *node, struct buf *out);

/* A syntax error as libyaml reports it, put into words that help. */
struct yaml_complaint {
    const char *problem, *context;         /* libyaml's words */
    struct mark problem_mark, context_mark;
};
/* Returns the place and appends what is wrong to `out`; with `secret` nothing of the text. */
struct mark yaml_explain(const struct yaml_complaint *complaint, const char *text, size_t len, bool secret, struct buf *out);

#endif
