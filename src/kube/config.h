/* Which API server to speak to, and as whom: kubeconfig files or the pod's service account, as client-go reads them.
 *
 *     struct kube_source source;
 *     kube_source_env(&source);
 *     source.context = "dev";                       what flags said
 *     if (kube_config_load(&source, &config, &err)) …
 *     … kube_config_free(config);
 *
 * Reads files and nothing else: no connection is made, no plugin is run, and the environment is seen only by
 * kube_source_env(). The files that --kubeconfig or the list in KUBECONFIG names are merged: of two entries of one
 * name the first file's counts, whole; `current-context` is the first that is not empty; relative paths count from
 * the folder of the file that has them. Where they say nothing and this is a pod, its service account is used.
 *
 * What is taken is checked: certificate files can be read and hold PEM, names lead somewhere, ways to authenticate
 * do not contradict each other. Unknown keys are nobody's business, as in client-go. Stricter than it are: a context,
 * cluster or user that is named but nowhere defined is an error even where client-go goes on as nobody; so is a
 * second YAML document. Milder: data wins over a file of the same where client-go wants one of them gone.
 *
 * Errors are of class ERR_USAGE where a file's content or a name is wrong ("FILE:LINE:COLUMN: WHAT") or a file is too
 * large, ERR_SYSTEM where one cannot be read. No message ever has a token, password, key or a part of one.
 *
 * The configuration owns all that it points to and goes with kube_config_free(), which wipes the secrets.
 */
#ifndef KT_KUBE_CONFIG_H
#define KT_KUBE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#define KUBE_CONFIG_MAX (16u << 20)    /* bytes of a kubeconfig */
#define KUBE_CREDENTIAL_MAX (1u << 20) /* bytes of a certificate, key or token file */
#define KUBE_FILES_MAX 64              /* files in KUBECONFIG */
#define KUBE_SERVICE_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"

/* All that decides, so that loading is a function of this and of the files. Strings belong to the caller; NULL and
 * "" mean that there is none. */
struct kube_source {
    const char *kubeconfig;      /* --kubeconfig: this file alone, which must exist */
    const char *context;         /* --context */
    const char *namespace;       /* --namespace */
    const char *list;            /* $KUBECONFIG: files separated by colons; those that do not exist are left out */
    const char *home;            /* $HOME: without any of the above its .kube/config */
    const char *service_host;    /* $KUBERNETES_SERVICE_HOST */
    const char *service_port;    /* $KUBERNETES_SERVICE_PORT */
    const char *pod_namespace;   /* $POD_NAMESPACE */
    const char *service_account; /* the folder of a pod's token, ca.crt and namespace */
};
/* From the environment, without flags. The strings are the environment's. */
void kube_source_env(struct kube_source *ret);

/* A certificate or key: `bytes`, PEM, from the file itself, or the path of a file that may change. Neither: none. */
struct kube_pem {
    char *bytes;
    size_t len;
    char *path;
};

enum kube_interactive { KUBE_INTERACTIVE_NEVER, KUBE_INTERACTIVE_IF_AVAILABLE, KUBE_INTERACTIVE_ALWAYS };
extern const char *const kube_interactive_names[];

struct kube_texts {
    char **list;
    int n;
};
struct kube_pair {
    char *key, *value;
};
struct kube_extra {
    char *key;
    struct kube_texts values;
};

/* A program that prints credentials. Run without a shell; its output's apiVersion must be this one. */
struct kube_exec {
    char *command; /* a path if it has a slash, absolute then; else looked for in PATH */
    struct kube_texts args;
    struct kube_pair *env; /* added to ours */
    int n_env;
    char *api_version;
    char *install_hint;  /* said when the program is not there; NULL */
    char *cluster_extra; /* JSON for spec.cluster.config of its input; NULL */
    bool provide_cluster;
    enum kube_interactive interactive;
};

struct kube_config {
    char *origin;  /* the file that the context came from, or the service account's folder; for messages */
    char *context; /* NULL in a pod */
    char *server;  /* "https://host:port", perhaps with a path; no slash at its end */
    char *namespace;
    char *tls_server_name; /* the name that the server's certificate must have; NULL: the host of `server` */
    char *proxy_url;       /* http, https or socks5; NULL: as the environment says */
    struct kube_pem ca;    /* none: the system's */
    bool in_cluster;
    bool insecure; /* the server's certificate is not looked at */
    bool no_compression;

    /* Who we are. A server that is spoken to in clear (http) gets none of this. */
    struct kube_pem cert, key; /* both or none */
    char *token;
    char *token_file; /* is right where both are; to be read again at least once a minute */
    char *username, *password;
    struct kube_exec *exec; /* only where there is nothing of the above */
    char *as, *as_uid;
    struct kube_texts as_groups;
    struct kube_extra *as_extra;
    int n_as_extra;
};

int kube_config_load(const struct kube_source *source, struct kube_config **ret, struct err *err);
void kube_config_free(struct kube_config *config);

/* Reads a token file: its text without white space around it, which must not be empty. The caller frees (and wipes). */
int kube_token_read(const char *path, char **ret, struct err *err);

#endif
