/* kubeconfig files as trees: read, their types checked, looked into as if they were one. Inside src/kube only.
 *
 * Everything belongs to the struct and goes with kubeconfig_done(), which wipes it: tokens are in it.
 */
#ifndef KT_KUBE_KUBECONFIG_H
#define KT_KUBE_KUBECONFIG_H

#include "base/yaml.h"
#include "kube/config.h"

struct kubeconfig_file {
    char *path;   /* as it was named */
    char *folder; /* absolute */
    struct tree tree;
};
struct kubeconfig {
    struct kubeconfig_file *files; /* those that exist, the first one counts most */
    int n;
};

/* A named entry of `clusters`, `users` or `contexts`. */
struct kubeconfig_entry {
    const struct kubeconfig_file *file;
    const struct node *item; /* {name: …, cluster: …} */
    const struct node *map;  /* what is behind the name; NULL: nothing */
};

int kubeconfig_load(const struct kube_source *source, struct kubeconfig *ret, struct err *err);
void kubeconfig_done(struct kubeconfig *config);

/* The first `current-context` that says something, and its file; NULL if there is none. */
const struct node *kubeconfig_current(const struct kubeconfig *config, const struct kubeconfig_file **ret_file);
/* `section` is "clusters", "users" or "contexts". */
bool kubeconfig_find(const struct kubeconfig *config, const char *section, const char *name, struct kubeconfig_entry *ret);
/* Appends "in FILES; did you mean …?" or which names there are. */
void kubeconfig_known(const struct kubeconfig *config, const char *section, const char *wrong, struct buf *out);
/* The paths, with commas. */
void kubeconfig_paths(const struct kubeconfig *config, struct buf *out);

/* The value of a key; NULL if there is none, or null, or an empty text. `map` may be NULL. */
const struct node *kubeconfig_get(const struct node *map, const char *key);
const char *kubeconfig_text(const struct node *map, const char *key);
bool kubeconfig_bool(const struct node *map, const char *key);
/* A name in quotes, as messages have it. */
void kubeconfig_quote(struct buf *out, const char *name);
/* "FILE:LINE:COLUMN: WHAT", class ERR_USAGE. Returns -1. */
int kubeconfig_wrong(struct err *err, const struct kubeconfig_file *file, const struct node *at, const char *format, ...)
    __attribute__((format(printf, 4, 5), cold));

#endif
