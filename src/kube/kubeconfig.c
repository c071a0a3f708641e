/* kubeconfig files (kubeconfig.h).
 *
 * Happy path: the list of files is made from the flag, the variable or the home folder; each is parsed by base/yaml.c
 * (JSON is YAML) and checked against the table of fields below, so that whoever looks into it later finds the types
 * that it expects, or nothing.
 *
 * Failure modes: a file that cannot be read or parsed, a value of another type, base64 that is none, and two entries
 * of one name end it. Of a listed file that does not exist nothing is said, as kubectl does.
 */
#include "kube/kubeconfig.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/files.h"
#include "base/mem.h"
#include "base/names.h"

#define NAME_SHOWN_MAX 200
#define NAMES_SHOWN_MAX 10

/* What may stand in a file. Keys that are not here are skipped. */

enum want { WANT_TEXT, WANT_BOOL, WANT_BASE64, WANT_TEXTS, WANT_TEXTS_OF, WANT_MAP, WANT_MAPS };

struct field {
    const char *key; /* NULL ends a table */
    enum want want;
    const struct field *fields; /* MAP, MAPS */
};

static const struct field cluster_fields[] = {
    {"server", WANT_TEXT, NULL},
    {"tls-server-name", WANT_TEXT, NULL},
    {"insecure-skip-tls-verify", WANT_BOOL, NULL},
    {"certificate-authority", WANT_TEXT, NULL},
    {"certificate-authority-data", WANT_BASE64, NULL},
    {"proxy-url", WANT_TEXT, NULL},
    {"disable-compression", WANT_BOOL, NULL},
    {"extensions", WANT_MAPS, (const struct field[]){{"name", WANT_TEXT, NULL}, {0}}},
    {0},
};
static const struct field exec_fields[] = {
    {"command", WANT_TEXT, NULL},
    {"args", WANT_TEXTS, NULL},
    {"env", WANT_MAPS, (const struct field[]){{"name", WANT_TEXT, NULL}, {"value", WANT_TEXT, NULL}, {0}}},
    {"apiVersion", WANT_TEXT, NULL},
    {"installHint", WANT_TEXT, NULL},
    {"provideClusterInfo", WANT_BOOL, NULL},
    {"interactiveMode", WANT_TEXT, NULL},
    {0},
};
static const struct field user_fields[] = {
    {"client-certificate", WANT_TEXT, NULL},
    {"client-certificate-data", WANT_BASE64, NULL},
    {"client-key", WANT_TEXT, NULL},
    {"client-key-data", WANT_BASE64, NULL},
    {"token", WANT_TEXT, NULL},
    {"tokenFile", WANT_TEXT, NULL},
    {"as", WANT_TEXT, NULL},
    {"as-uid", WANT_TEXT, NULL},
    {"as-groups", WANT_TEXTS, NULL},
    {"as-user-extra", WANT_TEXTS_OF, NULL},
    {"username", WANT_TEXT, NULL},
    {"password", WANT_TEXT, NULL},
    {"auth-provider", WANT_MAP, (const struct field[]){{"name", WANT_TEXT, NULL}, {0}}},
    {"exec", WANT_MAP, exec_fields},
    {0},
};
static const struct field context_fields[] = {
    {"cluster", WANT_TEXT, NULL},
    {"user", WANT_TEXT, NULL},
    {"namespace", WANT_TEXT, NULL},
    {0},
};
static const struct field top_fields[] = {
    {"apiVersion", WANT_TEXT, NULL},
    {"kind", WANT_TEXT, NULL},
    {"current-context", WANT_TEXT, NULL},
    {"clusters", WANT_MAPS, (const struct field[]){{"name", WANT_TEXT, NULL}, {"cluster", WANT_MAP, cluster_fields}, {0}}},
    {"users", WANT_MAPS, (const struct field[]){{"name", WANT_TEXT, NULL}, {"user", WANT_MAP, user_fields}, {0}}},
    {"contexts", WANT_MAPS, (const struct field[]){{"name", WANT_TEXT, NULL}, {"context", WANT_MAP, context_fields}, {0}}},
    {0},
};
static const struct {
    const char *name, *inside;
} sections[] = {{"clusters", "cluster"}, {"users", "user"}, {"contexts", "context"}};

int kubeconfig_wrong(struct err *err, const struct kubeconfig_file *file, const struct node *at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    CLEANUP_FREE char *text = mem_vprintf(format, args);
    va_end(args);
    return err_set(err, ERR_USAGE, "%s:%d:%d: %s", file->path, at->mark.line, at->mark.column, text);
}

void kubeconfig_quote(struct buf *out, const char *name)
{
    size_t len = strlen(name);
    if (len > NAME_SHOWN_MAX)
        buf_add_str(out, "(a long name)");
    else
        buf_add_json(out, (struct slice){name, len});
}

/* Types. */

/* A value could be a secret: only its kind is said. */
static const char *kind_words(const struct node *node)
{
    static const char *const words[] = {
        [NODE_NULL] = "nothing", [NODE_BOOL] = "true or false", [NODE_INT] = "a number", [NODE_FLOAT] = "a number",
        [NODE_TEXT] = "a text",  [NODE_LIST] = "a list",        [NODE_MAP] = "a mapping",
    };
    return words[node->kind];
}

static int must_be(struct err *err, const struct kubeconfig_file *file, const struct node *node, const char *key,
                   const char *wanted)
{
    bool scalar = node->kind == NODE_BOOL || node->kind == NODE_INT || node->kind == NODE_FLOAT;
    bool quotes = scalar && strncmp(wanted, "a text", 6) == 0;
    return kubeconfig_wrong(err, file, node, "`%s` must be %s, not %s%s", key, wanted, kind_words(node),
                            quotes ? "; put it in quotes" : "");
}

/* YAML 1.1, which client-go reads, has more words for the two than 1.2. */
static int truth(const struct node *node)
{
    static const char *const words[] = {"no",    "No",    "NO",    "off",  "Off",  "OFF",  "n", "N", "false", "False", "FALSE",
                                        "yes",   "Yes",   "YES",   "on",   "On",   "ON",   "y", "Y", "true",  "True",  "TRUE"};
    if (node->kind != NODE_BOOL && (node->kind != NODE_TEXT || node->quote != 0))
        return -1;
    int at = names_find(words, ARRAY_LEN(words), node->text, strlen(node->text));
    return at < 0 ? -1 : at >= (int)ARRAY_LEN(words) / 2;
}

static int check_fields(const struct kubeconfig_file *file, const struct node *map, const struct field *fields, struct err *err);

static int check_list(const struct kubeconfig_file *file, const struct node *list, const struct field *field, struct err *err)
{
    bool maps = field->want == WANT_MAPS;
    if (list->kind != NODE_LIST)
        return must_be(err, file, list, field->key, maps ? "a list of mappings" : "a list of texts");
    for (int i = 0; i < list->n; i++) {
        const struct node *item = list->items[i];
        if (item->kind != (maps ? NODE_MAP : NODE_TEXT))
            return must_be(err, file, item, field->key, maps ? "a list of mappings" : "a text in each item");
        if (maps && check_fields(file, item, field->fields, err))
            return -1;
    }
    return 0;
}

static int check_texts_of(const struct kubeconfig_file *file, const struct node *map, const struct field *field, struct err *err)
{
    if (map->kind != NODE_MAP)
        return must_be(err, file, map, field->key, "a mapping of lists of texts");
    for (int i = 0; i < map->n; i++)
        if (map->pairs[i].value->kind != NODE_NULL && check_list(file, map->pairs[i].value, field, err))
            return -1;
    return 0;
}

static int check_base64(const struct kubeconfig_file *file, const struct node *node, const char *key, struct err *err)
{
    CLEANUP_BUF struct buf bytes = {0};
    if (node->kind != NODE_TEXT)
        return must_be(err, file, node, key, "a text in base64");
    int failed = !base64_decode(slice_str(node->text), &bytes);
    if (bytes.len)
        explicit_bzero(bytes.data, bytes.len);
    return failed ? kubeconfig_wrong(err, file, node, "`%s` is no base64", key) : 0;
}

static int check_field(const struct kubeconfig_file *file, const struct node *node, const struct field *field, struct err *err)
{
    switch (field->want) {
    case WANT_TEXT:
        return node->kind == NODE_TEXT ? 0 : must_be(err, file, node, field->key, "a text");
    case WANT_BOOL:
        return truth(node) >= 0 ? 0 : must_be(err, file, node, field->key, "true or false");
    case WANT_BASE64:
        return check_base64(file, node, field->key, err);
    case WANT_TEXTS:
    case WANT_MAPS:
        return check_list(file, node, field, err);
    case WANT_TEXTS_OF:
        return check_texts_of(file, node, field, err);
    case WANT_MAP:
        return node->kind == NODE_MAP ? check_fields(file, node, field->fields, err)
                                      : must_be(err, file, node, field->key, "a mapping");
    }
    return 0;
}

static int check_fields(const struct kubeconfig_file *file, const struct node *map, const struct field *fields, struct err *err)
{
    for (; fields->key; fields++) {
        const struct pair *pair = node_find(map, fields->key);
        if (pair && pair->value->kind != NODE_NULL && check_field(file, pair->value, fields, err))
            return -1;
    }
    return 0;
}

/* What a table of types cannot say. */

struct named {
    const char *name;
    const struct node *item;
};

static int by_name(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    if (order)
        return order;
    return x->item->mark.line != y->item->mark.line ? (x->item->mark.line < y->item->mark.line ? -1 : 1)
                                                     : x->item->mark.column - y->item->mark.column;
}

static const char *name_of(const struct node *item)
{
    const char *name = kubeconfig_text(item, "name");
    return name ? name : "";
}

static int check_names(const struct kubeconfig_file *file, const char *section, struct err *err)
{
    const struct node *list = kubeconfig_get(file->tree.root, section);
    int failed = 0, n = list ? list->n : 0;
    CLEANUP_FREE struct named *names = mem_resize(NULL, (size_t)n + 1, sizeof *names);
    for (int i = 0; i < n; i++)
        names[i] = (struct named){name_of(list->items[i]), list->items[i]};
    qsort(names, (size_t)n, sizeof *names, by_name);
    for (int i = 1; i < n && !failed; i++) {
        if (strcmp(names[i - 1].name, names[i].name) != 0)
            continue;
        CLEANUP_BUF struct buf name = {0};
        kubeconfig_quote(&name, names[i].name);
        failed = kubeconfig_wrong(err, file, names[i].item, "a second entry of `%s` is named %s; the first is in line %d", section,
                                  buf_cstr(&name), names[i - 1].item->mark.line);
    }
    return failed;
}

static int check_kind(const struct kubeconfig_file *file, struct err *err)
{
    static const char *const wanted[][2] = {{"apiVersion", "v1"}, {"kind", "Config"}};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        const struct node *node = kubeconfig_get(file->tree.root, wanted[i][0]);
        if (node && strcmp(node->text, wanted[i][1]) != 0)
            return kubeconfig_wrong(err, file, node, "`%s` of a kubeconfig is %s", wanted[i][0], wanted[i][1]);
    }
    return 0;
}

/* Files. */

/* The problem that stands first; the others are counted. */
static int first_problem(const struct problems *problems, const char *path, struct err *err)
{
    CLEANUP_BUF struct buf text = {0};
    problems_format(problems, path, &text);
    char *all = buf_cstr(&text);
    all[strcspn(all, "\n")] = '\0';
    if (problems->errors == 1)
        return err_set(err, ERR_USAGE, "%s", all);
    return err_set(err, ERR_USAGE, "%s (and %d more)", all, problems->errors - 1);
}

static int parse(struct kubeconfig_file *file, const struct buf *text, struct err *err)
{
    static const struct yaml_kind kind = {.what = "a kubeconfig", .secret = true};
    struct problems problems = {0};
    int failed = 0;
    file->tree.kind = &kind;
    tree_parse(&file->tree, text->data ? text->data : "", text->len, NULL, &problems);
    if (problems.errors)
        failed = first_problem(&problems, file->path, err);
    problems_done(&problems);
    const struct node *root = file->tree.root;
    if (failed || !root || root->kind == NODE_NULL)
        return failed;
    if (root->kind != NODE_MAP)
        return kubeconfig_wrong(err, file, root, "a kubeconfig is a mapping, not %s", kind_words(root));
    if (check_fields(file, root, top_fields, err) || check_kind(file, err))
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(sections); i++)
        if (check_names(file, sections[i].name, err))
            return -1;
    return 0;
}

static int read_text(struct kubeconfig_file *file, struct err *err)
{
    struct buf text = {0};
    int failed = file_read(file->path, KUBE_CONFIG_MAX, &text, err) || parse(file, &text, err);
    if (text.len)
        explicit_bzero(text.data, text.len);
    buf_done(&text);
    return failed ? -1 : 0;
}

static int add_file(struct kubeconfig *config, const char *path, struct err *err)
{
    CLEANUP_FREE char *absolute = path_absolute(path);
    struct kubeconfig_file *file = &config->files[config->n++];
    *file = (struct kubeconfig_file){.path = mem_strdup(path), .folder = path_dir(absolute)};
    return read_text(file, err);
}

static bool is_known(const struct kubeconfig *config, const char *path)
{
    for (int i = 0; i < config->n; i++)
        if (strcmp(config->files[i].path, path) == 0)
            return true;
    return false;
}

static bool is_missing(const char *path)
{
    struct stat st;
    return stat(path, &st) && errno == ENOENT;
}

static int add_list(struct kubeconfig *config, const char *list, struct err *err)
{
    for (const char *p = list; *p;) {
        size_t len = strcspn(p, ":");
        CLEANUP_FREE char *path = mem_strndup(p, len);
        p += len + (p[len] == ':');
        if (len == 0 || is_known(config, path) || is_missing(path))
            continue;
        if (config->n == KUBE_FILES_MAX)
            return err_set(err, ERR_USAGE, "KUBECONFIG names more than %d files", KUBE_FILES_MAX);
        if (add_file(config, path, err))
            return -1;
    }
    return 0;
}

static int add_home(struct kubeconfig *config, const char *home, struct err *err)
{
    CLEANUP_FREE char *path = path_join(home, ".kube/config");
    return is_missing(path) ? 0 : add_file(config, path, err);
}

static bool given(const char *text)
{
    return text && *text;
}

int kubeconfig_load(const struct kube_source *source, struct kubeconfig *ret, struct err *err)
{
    struct kubeconfig config = {.files = mem_zalloc(KUBE_FILES_MAX * sizeof *config.files)};
    int failed = 0;
    if (given(source->kubeconfig))
        failed = add_file(&config, source->kubeconfig, err);
    else if (given(source->list))
        failed = add_list(&config, source->list, err);
    else if (given(source->home))
        failed = add_home(&config, source->home, err);
    if (failed)
        kubeconfig_done(&config);
    else
        *ret = config;
    return failed;
}

void kubeconfig_done(struct kubeconfig *config)
{
    for (int i = 0; i < config->n; i++) {
        free(config->files[i].path);
        free(config->files[i].folder);
        tree_done(&config->files[i].tree);
    }
    free(config->files);
    *config = (struct kubeconfig){0};
}

/* Looking into them. */

const struct node *kubeconfig_get(const struct node *map, const char *key)
{
    const struct pair *pair = map ? node_find(map, key) : NULL;
    if (!pair || pair->value->kind == NODE_NULL || (pair->value->kind == NODE_TEXT && !*pair->value->text))
        return NULL;
    return pair->value;
}

const char *kubeconfig_text(const struct node *map, const char *key)
{
    const struct node *node = kubeconfig_get(map, key);
    return node ? node->text : NULL;
}

bool kubeconfig_bool(const struct node *map, const char *key)
{
    const struct node *node = kubeconfig_get(map, key);
    return node && truth(node) == 1;
}

const struct node *kubeconfig_current(const struct kubeconfig *config, const struct kubeconfig_file **ret_file)
{
    for (int i = 0; i < config->n; i++) {
        const struct node *node = kubeconfig_get(config->files[i].tree.root, "current-context");
        if (!node)
            continue;
        *ret_file = &config->files[i];
        return node;
    }
    return NULL;
}

static const char *inside_of(const char *section)
{
    for (size_t i = 0; i < ARRAY_LEN(sections); i++)
        if (strcmp(sections[i].name, section) == 0)
            return sections[i].inside;
    return "";
}

bool kubeconfig_find(const struct kubeconfig *config, const char *section, const char *name, struct kubeconfig_entry *ret)
{
    for (int i = 0; i < config->n; i++) {
        const struct kubeconfig_file *file = &config->files[i];
        const struct node *list = kubeconfig_get(file->tree.root, section);
        for (int j = 0; list && j < list->n; j++) {
            const struct node *item = list->items[j];
            if (strcmp(name_of(item), name) != 0)
                continue;
            *ret = (struct kubeconfig_entry){file, item, kubeconfig_get(item, inside_of(section))};
            return true;
        }
    }
    return false;
}

void kubeconfig_paths(const struct kubeconfig *config, struct buf *out)
{
    for (int i = 0; i < config->n; i++)
        buf_printf(out, "%s%s", i ? ", " : "", config->files[i].path);
}

static void add_names(const char *const *names, int n, struct buf *out)
{
    for (int i = 0; i < n && i < NAMES_SHOWN_MAX; i++) {
        buf_add_str(out, i ? ", " : "");
        kubeconfig_quote(out, names[i]);
    }
    if (n > NAMES_SHOWN_MAX)
        buf_printf(out, " and %d more", n - NAMES_SHOWN_MAX);
}

void kubeconfig_known(const struct kubeconfig *config, const char *section, const char *wrong, struct buf *out)
{
    const char **names = NULL;
    int n = 0, cap = 0;
    for (int i = 0; i < config->n; i++) {
        const struct node *list = kubeconfig_get(config->files[i].tree.root, section);
        for (int j = 0; list && j < list->n; j++) {
            MEM_GROW(names, n, cap);
            names[n++] = name_of(list->items[j]);
        }
    }
    buf_add_str(out, " in ");
    kubeconfig_paths(config, out);
    const char *nearest = wrong && n ? names_nearest(wrong, names, (size_t)n) : NULL;
    if (nearest) {
        buf_add_str(out, "; did you mean ");
        kubeconfig_quote(out, nearest);
        buf_add_char(out, '?');
    } else if (n) {
        buf_add_str(out, "; there is ");
        add_names(names, n, out);
    }
    free(names);
}
