/* From kubeconfig files, or a pod, to one configuration (config.h).
 *
 * Happy path: the context is chosen, its cluster and user are found, the server comes first because it decides whether
 * credentials are taken at all, then come trust, credentials, impersonation and the namespace.
 *
 * Failure modes: each is the first one found, with its place in the file; nothing is given out then. Where no file
 * says anything, or none chooses a context, a pod's service account is taken; without one that is the error.
 */
#include "kube/config.h"

#include <ctype.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/files.h"
#include "base/mem.h"
#include "base/names.h"
#include "kube/kubeconfig.h"

#define EXEC_EXTENSION "client.authentication.k8s.io/exec"
#define EXEC_V1 "client.authentication.k8s.io/v1"
#define EXEC_V1BETA1 "client.authentication.k8s.io/v1beta1"
#define NAMESPACE_MAX 63

const char *const kube_interactive_names[] = {
    [KUBE_INTERACTIVE_NEVER] = "Never",
    [KUBE_INTERACTIVE_IF_AVAILABLE] = "IfAvailable",
    [KUBE_INTERACTIVE_ALWAYS] = "Always",
};

/* What is being resolved. */
struct resolve {
    const struct kube_source *source;
    const struct kubeconfig *files;
    struct kubeconfig_entry context, cluster, user; /* file NULL: none */
    struct kube_config *config;
    bool secure; /* https */
    struct err *err;
};

static bool given(const char *text)
{
    return text && *text;
}

/* Freeing. */

static void wipe(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

static void texts_free(struct kube_texts *texts)
{
    for (int i = 0; i < texts->n; i++)
        wipe(texts->list[i]);
    free(texts->list);
}

static void pem_free(struct kube_pem *pem)
{
    if (pem->bytes)
        explicit_bzero(pem->bytes, pem->len);
    free(pem->bytes);
    free(pem->path);
}

static void exec_free(struct kube_exec *exec)
{
    if (!exec)
        return;
    free(exec->command);
    texts_free(&exec->args);
    for (int i = 0; i < exec->n_env; i++) {
        free(exec->env[i].key);
        wipe(exec->env[i].value);
    }
    free(exec->env);
    free(exec->api_version);
    free(exec->install_hint);
    free(exec->cluster_extra);
    free(exec);
}

static void free_user(struct kube_config *config)
{
    pem_free(&config->cert);
    pem_free(&config->key);
    wipe(config->token);
    free(config->token_file);
    free(config->username);
    wipe(config->password);
    exec_free(config->exec);
    free(config->as);
    free(config->as_uid);
    texts_free(&config->as_groups);
    for (int i = 0; i < config->n_as_extra; i++) {
        free(config->as_extra[i].key);
        texts_free(&config->as_extra[i].values);
    }
    free(config->as_extra);
}

void kube_config_free(struct kube_config *config)
{
    if (!config)
        return;
    free(config->origin);
    free(config->context);
    free(config->server);
    free(config->namespace);
    free(config->tls_server_name);
    wipe(config->proxy_url);
    pem_free(&config->ca);
    free_user(config);
    free(config);
}

/* Values. */

static int wrong_name(struct err *err, const struct kubeconfig_file *file, const struct node *at, const char *before,
                      const char *name, const char *after)
{
    CLEANUP_BUF struct buf text = {0};
    buf_add_str(&text, before);
    kubeconfig_quote(&text, name);
    buf_add_str(&text, after);
    return kubeconfig_wrong(err, file, at, "%s", buf_cstr(&text));
}

static struct kube_texts texts_of(const struct node *list)
{
    struct kube_texts texts = {0};
    if (!list || !list->n)
        return texts;
    texts.list = mem_resize(NULL, (size_t)list->n, sizeof *texts.list);
    for (; texts.n < list->n; texts.n++)
        texts.list[texts.n] = mem_strdup(list->items[texts.n]->text);
    return texts;
}

/* What goes into a header as it is. */
static bool fits_header(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

static int check_header(const struct resolve *r, const struct node *node, const char *key)
{
    if (!node || fits_header(node->text))
        return 0;
    return kubeconfig_wrong(r->err, r->user.file, node, "`%s` has a control character or line end, which no header can hold", key);
}

static char *path_of(const struct kubeconfig_file *file, const char *path)
{
    return path_join(file->folder, path);
}

/* PEM. */

static bool is_pem(struct slice bytes)
{
    return bytes.len && memmem(bytes.p, bytes.len, "-----BEGIN ", 11);
}

/* Sees that a file of credentials can be read and is what it should be. */
static int check_pem_file(const struct kubeconfig_entry *entry, const struct node *at, const char *key, const char *path,
                          struct err *err)
{
    struct buf bytes = {0};
    struct err why = ERR_INIT;
    int failed = file_read(path, KUBE_CREDENTIAL_MAX, &bytes, &why);
    if (failed) {
        kubeconfig_wrong(err, entry->file, at, "`%s`: %s", key, why.text);
        err->class = why.class;
    } else if (!is_pem(buf_slice(&bytes))) {
        failed = kubeconfig_wrong(err, entry->file, at, "`%s`: %s: no PEM file", key, path);
    }
    if (bytes.len)
        explicit_bzero(bytes.data, bytes.len);
    buf_done(&bytes);
    return failed;
}

/* `KEY-data` if it is there, else the file that KEY names. */
static int read_pem(const struct kubeconfig_entry *entry, const char *key, struct kube_pem *ret, struct err *err)
{
    CLEANUP_FREE char *data_key = mem_printf("%s-data", key);
    const struct node *data = kubeconfig_get(entry->map, data_key), *file = kubeconfig_get(entry->map, key);
    if (data) {
        struct buf bytes = {0};
        base64_decode(slice_str(data->text), &bytes);
        bool good = is_pem(buf_slice(&bytes));
        ret->len = bytes.len;
        ret->bytes = buf_steal(&bytes);
        return good ? 0 : kubeconfig_wrong(err, entry->file, data, "`%s` is base64, but of no PEM text", data_key);
    }
    if (!file)
        return 0;
    ret->path = path_of(entry->file, file->text);
    return check_pem_file(entry, file, key, ret->path, err);
}

static bool has_pem(const struct kube_pem *pem)
{
    return pem->bytes || pem->path;
}

/* The server. */

static bool is_port(const char *text, size_t len)
{
    int port = 0;
    for (size_t i = 0; i < len; i++) {
        if (!isdigit((unsigned char)text[i]) || port > 65535)
            return false;
        port = port * 10 + (text[i] - '0');
    }
    return port > 0 && port <= 65535;
}

/* "host", "host:port", "[v6]" or "[v6]:port". */
static bool is_host(const char *text, size_t len)
{
    const char *end = text + len, *host_end, *p;
    if (len && *text == '[') {
        host_end = memchr(text, ']', len);
        if (!host_end || host_end - text < 3)
            return false;
        for (p = text + 1; p < host_end; p++)
            if (!isxdigit((unsigned char)*p) && !strchr(":.%", *p) && !isalnum((unsigned char)*p))
                return false;
        host_end++;
    } else {
        host_end = memchr(text, ':', len);
        host_end = host_end ? host_end : end;
        for (p = text; p < host_end; p++)
            if ((unsigned char)*p < 0x80 && !isalnum((unsigned char)*p) && !strchr("-._", *p))
                return false;
        if (host_end == text)
            return false;
    }
    return host_end == end || (*host_end == ':' && is_port(host_end + 1, (size_t)(end - host_end - 1)));
}

/* What is wrong with a URL behind its "://", NULL if nothing. */
static const char *url_problem(const char *rest, bool user)
{
    size_t len = strcspn(rest, "/?#");
    const char *at = memrchr(rest, '@', len);
    if (!fits_header(rest) || strchr(rest, ' '))
        return "has a space or control character";
    if (at && !user)
        return "has a user in it; credentials belong under `users`";
    if (at)
        len -= (size_t)(at + 1 - rest), rest = at + 1;
    return is_host(rest, len) ? NULL : "has no valid host and port";
}

static int read_server(struct resolve *r)
{
    const struct node *node = kubeconfig_get(r->cluster.map, "server");
    if (!node)
        return wrong_name(r->err, r->cluster.file, r->cluster.item, "cluster ", kubeconfig_text(r->cluster.item, "name"),
                          " has no `server`");
    const char *scheme_end = strstr(node->text, "://");
    /* client-go speaks to a bare host in clear; one of which trust is spoken is not meant so. */
    bool tls = kubeconfig_get(r->cluster.map, "certificate-authority") ||
               kubeconfig_get(r->cluster.map, "certificate-authority-data") ||
               kubeconfig_get(r->cluster.map, "tls-server-name") || kubeconfig_bool(r->cluster.map, "insecure-skip-tls-verify");
    r->secure = scheme_end ? strncasecmp(node->text, "https://", 8) == 0 : tls;
    if (scheme_end && !r->secure && strncasecmp(node->text, "http://", 7) != 0)
        return kubeconfig_wrong(r->err, r->cluster.file, node, "`server` must begin with https:// or http://");
    const char *rest = scheme_end ? scheme_end + 3 : node->text;
    const char *problem = url_problem(rest, false);
    if (problem)
        return kubeconfig_wrong(r->err, r->cluster.file, node, "`server` %s; it is written https://HOST:PORT", problem);
    size_t len = strcspn(rest, "?#");
    while (len && rest[len - 1] == '/')
        len--;
    r->config->server = mem_printf("%s://%.*s", r->secure ? "https" : "http", (int)len, rest);
    return 0;
}

static int read_proxy(struct resolve *r)
{
    const struct node *node = kubeconfig_get(r->cluster.map, "proxy-url");
    static const char *const schemes[] = {"http://", "https://", "socks5://"};
    if (!node)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t len = strlen(schemes[i]);
        if (strncasecmp(node->text, schemes[i], len) != 0)
            continue;
        const char *problem = url_problem(node->text + len, true);
        if (problem)
            return kubeconfig_wrong(r->err, r->cluster.file, node, "`proxy-url` %s", problem);
        r->config->proxy_url = mem_strdup(node->text);
        return 0;
    }
    return kubeconfig_wrong(r->err, r->cluster.file, node, "`proxy-url` must begin with http://, https:// or socks5://");
}

static int read_trust(struct resolve *r)
{
    struct kube_config *config = r->config;
    const struct node *name = kubeconfig_get(r->cluster.map, "tls-server-name");
    const struct node *insecure = kubeconfig_get(r->cluster.map, "insecure-skip-tls-verify");
    if (read_pem(&r->cluster, "certificate-authority", &config->ca, r->err))
        return -1;
    if (name && !is_host(name->text, strlen(name->text)))
        return kubeconfig_wrong(r->err, r->cluster.file, name, "`tls-server-name` is no host name");
    config->insecure = kubeconfig_bool(r->cluster.map, "insecure-skip-tls-verify");
    if (config->insecure && has_pem(&config->ca))
        return kubeconfig_wrong(r->err, r->cluster.file, insecure,
                                "`insecure-skip-tls-verify` and a certificate authority exclude each other");
    config->tls_server_name = name ? mem_strdup(name->text) : NULL;
    return 0;
}

/* Credentials. */

static int read_cert(struct resolve *r)
{
    const struct node *cert = kubeconfig_get(r->user.map, "client-certificate-data");
    if (!cert)
        cert = kubeconfig_get(r->user.map, "client-certificate");
    if (!cert)
        return 0;
    if (!kubeconfig_get(r->user.map, "client-key-data") && !kubeconfig_get(r->user.map, "client-key"))
        return kubeconfig_wrong(r->err, r->user.file, cert,
                                "a client certificate needs its key: `client-key-data` or `client-key`");
    if (read_pem(&r->user, "client-certificate", &r->config->cert, r->err))
        return -1;
    return read_pem(&r->user, "client-key", &r->config->key, r->err);
}

/* With a token beside it the file is not needed yet, and may come later. */
static int read_token_file(struct resolve *r, const struct node *node)
{
    struct err why = ERR_INIT;
    char *token = NULL;
    r->config->token_file = path_of(r->user.file, node->text);
    if (r->config->token || kube_token_read(r->config->token_file, &token, &why) == 0) {
        wipe(token);
        return 0;
    }
    kubeconfig_wrong(r->err, r->user.file, node, "`tokenFile`: %s", why.text);
    r->err->class = why.class;
    return -1;
}

static int read_token(struct resolve *r)
{
    const struct node *token = kubeconfig_get(r->user.map, "token"), *file = kubeconfig_get(r->user.map, "tokenFile");
    if (check_header(r, token, "token"))
        return -1;
    r->config->token = token ? mem_strdup(token->text) : NULL;
    return file ? read_token_file(r, file) : 0;
}

static int read_basic(struct resolve *r)
{
    const struct node *name = kubeconfig_get(r->user.map, "username"), *password = kubeconfig_get(r->user.map, "password");
    if (!name && !password)
        return 0;
    if (!name)
        return kubeconfig_wrong(r->err, r->user.file, password, "`password` needs a `username`");
    if (strchr(name->text, ':'))
        return kubeconfig_wrong(r->err, r->user.file, name, "`username` cannot hold a colon");
    if (r->config->token || r->config->token_file)
        return kubeconfig_wrong(r->err, r->user.file, name, "a token and a `username` exclude each other");
    r->config->username = mem_strdup(name->text);
    r->config->password = mem_strdup(password ? password->text : "");
    return 0;
}

static int refuse_provider(struct resolve *r)
{
    static const struct {
        const char *name, *hint;
    } removed[] = {
        {"gcp", "`exec` with gke-gcloud-auth-plugin takes its place: `gcloud container clusters get-credentials CLUSTER` writes it"},
        {"azure", "`exec` with kubelogin takes its place: `kubelogin convert-kubeconfig` writes it"},
        {"oidc", "`exec` with kubectl-oidc_login (kubelogin) takes its place"},
    };
    const struct node *node = kubeconfig_get(r->user.map, "auth-provider");
    if (!node)
        return 0;
    const char *name = kubeconfig_text(node, "name"), *hint = "`exec` with a credential plugin takes its place";
    if (kubeconfig_get(r->user.map, "exec"))
        return kubeconfig_wrong(r->err, r->user.file, node, "`auth-provider` and `exec` exclude each other");
    for (size_t i = 0; i < ARRAY_LEN(removed); i++)
        if (name && strcmp(name, removed[i].name) == 0)
            hint = removed[i].hint;
    CLEANUP_FREE char *after = mem_printf(" is not supported; %s", hint);
    return wrong_name(r->err, r->user.file, node, "`auth-provider` ", name ? name : "", after);
}

/* Exec plugins. */

/* What the file says goes to the terminal when the program is missing: only text, tabs and line ends of it. */
static char *plain_text(const char *text)
{
    struct buf b = {0};
    for (; text && *text; text++) {
        unsigned char c = (unsigned char)*text, after = (unsigned char)text[1];
        if (c == 0xc2 && after < 0xa0)
            text++;
        else if ((c >= 0x20 && c != 0x7f) || c == '\n' || c == '\t')
            buf_add_char(&b, (char)c);
    }
    return b.len ? buf_steal(&b) : NULL;
}

static int read_exec_env(struct resolve *r, const struct node *list, struct kube_exec *exec)
{
    exec->env = list ? mem_resize(NULL, (size_t)list->n + 1, sizeof *exec->env) : NULL;
    for (int i = 0; list && i < list->n; i++) {
        const char *name = kubeconfig_text(list->items[i], "name"), *value = kubeconfig_text(list->items[i], "value");
        if (!name || strchr(name, '='))
            return kubeconfig_wrong(r->err, r->user.file, list->items[i], "an item of `env` needs a `name`%s",
                                    name ? " without `=`" : "");
        exec->env[exec->n_env++] = (struct kube_pair){mem_strdup(name), mem_strdup(value ? value : "")};
    }
    return 0;
}

static int read_interactive(struct resolve *r, const struct node *map, struct kube_exec *exec)
{
    const struct node *node = kubeconfig_get(map, "interactiveMode");
    int at = node ? names_find(kube_interactive_names, ARRAY_LEN(kube_interactive_names), node->text, strlen(node->text))
                  : KUBE_INTERACTIVE_IF_AVAILABLE;
    if (!node && strcmp(exec->api_version, EXEC_V1) == 0)
        return kubeconfig_wrong(r->err, r->user.file, map, "`exec` of " EXEC_V1 " needs `interactiveMode`: Never, IfAvailable or Always");
    if (at < 0)
        return kubeconfig_wrong(r->err, r->user.file, node, "`interactiveMode` must be Never, IfAvailable or Always");
    exec->interactive = (enum kube_interactive)at;
    return 0;
}

static int read_exec_version(struct resolve *r, const struct node *map, struct kube_exec *exec)
{
    const struct node *node = kubeconfig_get(map, "apiVersion");
    if (!node)
        return kubeconfig_wrong(r->err, r->user.file, map, "`exec` needs `apiVersion`: " EXEC_V1 " or v1beta1");
    if (strcmp(node->text, EXEC_V1) != 0 && strcmp(node->text, EXEC_V1BETA1) != 0)
        return kubeconfig_wrong(r->err, r->user.file, node,
                                "`apiVersion` of `exec` must be " EXEC_V1 " or v1beta1; a newer plugin, or its next "
                                "configuration, speaks them");
    exec->api_version = mem_strdup(node->text);
    return 0;
}

/* What the cluster says for plugins, in its extension of that name. */
static char *cluster_extra(const struct resolve *r)
{
    const struct node *list = kubeconfig_get(r->cluster.map, "extensions");
    for (int i = 0; list && i < list->n; i++) {
        const char *name = kubeconfig_text(list->items[i], "name");
        const struct pair *extension = node_find(list->items[i], "extension");
        if (!name || strcmp(name, EXEC_EXTENSION) != 0 || !extension)
            continue;
        struct buf json = {0};
        node_json(extension->value, &json);
        return buf_steal(&json);
    }
    return NULL;
}

static int read_exec(struct resolve *r)
{
    const struct node *map = kubeconfig_get(r->user.map, "exec");
    struct kube_config *config = r->config;
    if (!map)
        return 0;
    struct kube_exec *exec = config->exec = MEM_NEW(struct kube_exec);
    const char *command = kubeconfig_text(map, "command");
    if (!command)
        return kubeconfig_wrong(r->err, r->user.file, map, "`exec` needs a `command`");
    exec->command = strchr(command, '/') ? path_of(r->user.file, command) : mem_strdup(command);
    exec->args = texts_of(kubeconfig_get(map, "args"));
    if (read_exec_env(r, kubeconfig_get(map, "env"), exec) || read_exec_version(r, map, exec) || read_interactive(r, map, exec))
        return -1;
    exec->install_hint = plain_text(kubeconfig_text(map, "installHint"));
    exec->provide_cluster = kubeconfig_bool(map, "provideClusterInfo");
    exec->cluster_extra = exec->provide_cluster ? cluster_extra(r) : NULL;
    if (config->token || config->token_file || config->username || has_pem(&config->cert)) {
        exec_free(exec);
        config->exec = NULL;
    }
    return 0;
}

/* Impersonation. */

static int read_extra(struct resolve *r, const struct node *map)
{
    struct kube_config *config = r->config;
    config->as_extra = map ? mem_zalloc(((size_t)map->n + 1) * sizeof *config->as_extra) : NULL;
    for (int i = 0; map && i < map->n; i++) {
        const struct node *list = map->pairs[i].value;
        for (int j = 0; list->kind == NODE_LIST && j < list->n; j++)
            if (check_header(r, list->items[j], "as-user-extra"))
                return -1;
        config->as_extra[config->n_as_extra++] =
            (struct kube_extra){mem_strdup(map->pairs[i].key), texts_of(list->kind == NODE_LIST ? list : NULL)};
    }
    return 0;
}

static int read_impersonation(struct resolve *r)
{
    static const char *const need_user[] = {"as-uid", "as-groups", "as-user-extra"};
    const struct node *as = kubeconfig_get(r->user.map, "as"), *uid = kubeconfig_get(r->user.map, "as-uid");
    const struct node *groups = kubeconfig_get(r->user.map, "as-groups");
    for (size_t i = 0; !as && i < ARRAY_LEN(need_user); i++) {
        const struct node *node = kubeconfig_get(r->user.map, need_user[i]);
        if (node && (node->kind == NODE_TEXT || node->n))
            return kubeconfig_wrong(r->err, r->user.file, node, "`%s` needs a user to be: `as`", need_user[i]);
    }
    if (check_header(r, as, "as") || check_header(r, uid, "as-uid"))
        return -1;
    for (int i = 0; groups && i < groups->n; i++)
        if (check_header(r, groups->items[i], "as-groups"))
            return -1;
    r->config->as = as ? mem_strdup(as->text) : NULL;
    r->config->as_uid = uid ? mem_strdup(uid->text) : NULL;
    r->config->as_groups = texts_of(groups);
    return read_extra(r, kubeconfig_get(r->user.map, "as-user-extra"));
}

static int read_user(struct resolve *r)
{
    if (refuse_provider(r) || read_cert(r) || read_token(r) || read_basic(r) || read_exec(r) || read_impersonation(r))
        return -1;
    if (!r->secure) {
        struct kube_config bare = {
            .origin = r->config->origin, .context = r->config->context, .server = r->config->server,
            .tls_server_name = r->config->tls_server_name, .proxy_url = r->config->proxy_url, .ca = r->config->ca,
            .insecure = r->config->insecure, .no_compression = r->config->no_compression,
        };
        free_user(r->config);
        *r->config = bare;
    }
    return 0;
}

/* In a pod. */

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && !S_ISDIR(st.st_mode);
}

static char *account_path(const struct kube_source *source, const char *name)
{
    return path_join(given(source->service_account) ? source->service_account : KUBE_SERVICE_ACCOUNT, name);
}

static bool in_pod(const struct kube_source *source)
{
    CLEANUP_FREE char *token = account_path(source, "token");
    return given(source->service_host) && given(source->service_port) && is_file(token);
}

static bool is_namespace(const char *text)
{
    size_t len = strlen(text);
    if (len == 0 || len > NAMESPACE_MAX || text[0] == '-' || text[len - 1] == '-')
        return false;
    return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

#define NAMESPACE_RULE "is no namespace: letters a-z, digits and `-`, at most 63"

/* The pod's own namespace. */
static int pod_namespace(const struct kube_source *source, char **ret, struct err *err)
{
    CLEANUP_FREE char *path = account_path(source, "namespace");
    CLEANUP_BUF struct buf text = {0};
    struct err ignored = ERR_INIT;
    bool named = given(source->pod_namespace);
    /* Without one it is `default`, as in client-go. */
    if (!named && file_read(path, KUBE_CREDENTIAL_MAX, &text, &ignored))
        buf_clear(&text);
    const char *name = named ? source->pod_namespace : buf_cstr(&text);
    name += named ? 0 : strspn(name, " \t\r\n");
    CLEANUP_FREE char *trimmed = mem_strndup(name, strcspn(name, " \t\r\n"));
    if (*trimmed && !is_namespace(trimmed))
        return err_set(err, ERR_USAGE, "%s: this " NAMESPACE_RULE, named ? "POD_NAMESPACE" : path);
    *ret = mem_strdup(*trimmed ? trimmed : "default");
    return 0;
}

/* The namespace that is asked for, or the context's, or the pod's, or `default`. */
static int read_namespace(struct resolve *r)
{
    const struct kube_source *source = r->source;
    const struct node *node = kubeconfig_get(r->context.map, "namespace");
    if (given(source->namespace)) {
        if (!is_namespace(source->namespace))
            return err_set(r->err, ERR_USAGE, "--namespace: this " NAMESPACE_RULE);
        r->config->namespace = mem_strdup(source->namespace);
    } else if (node) {
        if (!is_namespace(node->text))
            return kubeconfig_wrong(r->err, r->context.file, node, "this " NAMESPACE_RULE);
        r->config->namespace = mem_strdup(node->text);
    } else if (in_pod(source)) {
        return pod_namespace(source, &r->config->namespace, r->err);
    } else {
        r->config->namespace = mem_strdup("default");
    }
    return 0;
}

static int load_pod(struct resolve *r)
{
    const struct kube_source *source = r->source;
    struct kube_config *config = r->config;
    CLEANUP_FREE char *ca = account_path(source, "ca.crt");
    char *token = NULL;
    bool v6 = strchr(source->service_host, ':');
    CLEANUP_FREE char *host = mem_printf(v6 ? "[%s]:%s" : "%s:%s", source->service_host, source->service_port);
    if (!is_host(host, strlen(host)))
        return err_set(r->err, ERR_USAGE, "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are no host and port");
    config->in_cluster = true;
    config->origin = account_path(source, ".");
    config->server = mem_printf("https://%s", host);
    config->token_file = account_path(source, "token");
    if (is_file(ca))
        config->ca.path = mem_strdup(ca);
    if (kube_token_read(config->token_file, &token, r->err))
        return -1;
    wipe(token);
    return read_namespace(r);
}

/* Contexts. */

static int unknown_context(struct resolve *r, const struct kubeconfig_file *file, const struct node *at, const char *name)
{
    CLEANUP_BUF struct buf text = {0};
    buf_add_str(&text, "no context ");
    kubeconfig_quote(&text, name);
    if (r->files->n)
        kubeconfig_known(r->files, "contexts", name, &text);
    else
        buf_add_str(&text, ": there is no kubeconfig");
    if (at)
        return kubeconfig_wrong(r->err, file, at, "%s", buf_cstr(&text));
    return err_set(r->err, ERR_USAGE, "--context: %s", buf_cstr(&text));
}

static int no_context(struct resolve *r)
{
    CLEANUP_BUF struct buf text = {0};
    if (r->files->n == 0)
        return err_set(r->err, ERR_USAGE,
                       "no Kubernetes cluster is known: %s, and this is no pod; name a file with --kubeconfig",
                       given(r->source->list) ? "none of the files in KUBECONFIG exists" : "there is no ~/.kube/config");
    kubeconfig_known(r->files, "contexts", NULL, &text);
    return err_set(r->err, ERR_USAGE, "no context is chosen by --context or `current-context`%s", buf_cstr(&text));
}

/* The cluster or user that the context names. */
static int find_part(struct resolve *r, const char *key, const char *section, struct kubeconfig_entry *ret)
{
    const struct node *node = kubeconfig_get(r->context.map, key);
    CLEANUP_BUF struct buf text = {0};
    if (!node || kubeconfig_find(r->files, section, node->text, ret))
        return 0;
    buf_printf(&text, "no %s ", key);
    kubeconfig_quote(&text, node->text);
    kubeconfig_known(r->files, section, node->text, &text);
    return kubeconfig_wrong(r->err, r->context.file, node, "%s", buf_cstr(&text));
}

static int load_context(struct resolve *r, const char *name)
{
    struct kube_config *config = r->config;
    config->context = mem_strdup(name);
    config->origin = mem_strdup(r->context.file->path);
    if (find_part(r, "cluster", "clusters", &r->cluster) || find_part(r, "user", "users", &r->user))
        return -1;
    if (!r->cluster.file)
        return wrong_name(r->err, r->context.file, r->context.item, "context ", name, " names no `cluster`");
    config->no_compression = kubeconfig_bool(r->cluster.map, "disable-compression");
    if (read_server(r) || read_trust(r) || read_proxy(r) || (r->user.file && read_user(r)))
        return -1;
    return read_namespace(r);
}

static int choose(struct resolve *r)
{
    const struct kubeconfig_file *file = NULL;
    const struct node *current = kubeconfig_current(r->files, &file);
    const char *name = given(r->source->context) ? r->source->context : current ? current->text : NULL;
    if (!name)
        return in_pod(r->source) ? load_pod(r) : no_context(r);
    if (!kubeconfig_find(r->files, "contexts", name, &r->context))
        return unknown_context(r, file, name == r->source->context ? NULL : current, name);
    return load_context(r, name);
}

/* All of it. */

void kube_source_env(struct kube_source *ret)
{
    *ret = (struct kube_source){
        .list = getenv("KUBECONFIG"),
        .home = getenv("HOME"),
        .service_host = getenv("KUBERNETES_SERVICE_HOST"),
        .service_port = getenv("KUBERNETES_SERVICE_PORT"),
        .pod_namespace = getenv("POD_NAMESPACE"),
    };
}

int kube_config_load(const struct kube_source *source, struct kube_config **ret, struct err *err)
{
    struct kubeconfig files;
    if (kubeconfig_load(source, &files, err))
        return -1;
    struct resolve r = {.source = source, .files = &files, .config = MEM_NEW(struct kube_config), .err = err};
    int failed = choose(&r);
    kubeconfig_done(&files);
    if (failed)
        kube_config_free(r.config);
    else
        *ret = r.config;
    return failed;
}

int kube_token_read(const char *path, char **ret, struct err *err)
{
    struct buf text = {0};
    int failed = file_read(path, KUBE_CREDENTIAL_MAX, &text, err);
    const char *all = buf_cstr(&text), *begin = all + strspn(all, " \t\r\n\v\f");
    size_t len = strlen(begin);
    while (len && isspace((unsigned char)begin[len - 1]))
        len--;
    char *token = mem_strndup(begin, len);
    if (!failed && (len == 0 || strlen(all) != text.len || !fits_header(token)))
        failed = err_set(err, ERR_USAGE, "%s: %s", path, len ? "no token: it has control characters" : "no token in it");
    explicit_bzero(text.data, text.len);
    buf_done(&text);
    if (failed)
        wipe(token);
    else
        *ret = token;
    return failed;
}
