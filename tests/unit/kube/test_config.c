/* kubeconfigs: every folder of tests/data/kubeconfig/{valid,invalid}, and what no checked-in file can be.
 *
 * valid/NAME gives the configuration that `expect` describes, invalid/NAME the message in `error`. `source` in a case
 * says what struct kube_source has, "FIELD: VALUE" a line, paths from the case's folder; without it that is
 * `kubeconfig: input.yaml`. All secrets of invalid cases have SECRET in them, and no message may.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/files.h"
#include "base/mem.h"
#include "kube/config.h"

#include "unit/cases.h"
#include "unit/unit.h"

static char *data_folder;

/* A configuration in words; only what is not the default. */

static void dump_text(struct buf *out, const char *what, const char *text)
{
    if (!text)
        return;
    buf_printf(out, "%s: ", what);
    buf_add_json(out, slice_str(text));
    buf_add_char(out, '\n');
}

static void dump_pem(struct buf *out, const char *what, const struct kube_pem *pem)
{
    if (pem->path)
        buf_printf(out, "%s: file %s\n", what, pem->path);
    if (!pem->bytes)
        return;
    buf_printf(out, "%s: ", what);
    buf_add_json(out, (struct slice){pem->bytes, pem->len});
    buf_add_char(out, '\n');
}

static void dump_texts(struct buf *out, const char *what, const struct kube_texts *texts)
{
    for (int i = 0; i < texts->n; i++)
        dump_text(out, what, texts->list[i]);
}

static void dump_exec(struct buf *out, const struct kube_exec *exec)
{
    buf_printf(out, "exec: %s\n", exec->command);
    dump_texts(out, "  arg", &exec->args);
    for (int i = 0; i < exec->n_env; i++)
        buf_printf(out, "  env %s=%s\n", exec->env[i].key, exec->env[i].value);
    buf_printf(out, "  version: %s\n  interactive: %s\n", exec->api_version, kube_interactive_names[exec->interactive]);
    dump_text(out, "  hint", exec->install_hint);
    if (exec->provide_cluster)
        buf_printf(out, "  cluster: %s\n", exec->cluster_extra ? exec->cluster_extra : "yes");
}

static void dump(struct buf *out, const struct kube_config *c)
{
    buf_printf(out, "origin: %s\n", c->origin);
    dump_text(out, "context", c->context);
    buf_printf(out, "server: %s\nnamespace: %s\n", c->server, c->namespace);
    dump_text(out, "tls server name", c->tls_server_name);
    dump_text(out, "proxy", c->proxy_url);
    dump_pem(out, "ca", &c->ca);
    buf_printf(out, "%s%s%s", c->in_cluster ? "in cluster\n" : "", c->insecure ? "insecure\n" : "",
               c->no_compression ? "no compression\n" : "");
    dump_pem(out, "cert", &c->cert);
    dump_pem(out, "key", &c->key);
    dump_text(out, "token", c->token);
    dump_text(out, "token file", c->token_file);
    dump_text(out, "username", c->username);
    dump_text(out, "password", c->password);
    if (c->exec)
        dump_exec(out, c->exec);
    dump_text(out, "as", c->as);
    dump_text(out, "as uid", c->as_uid);
    dump_texts(out, "as group", &c->as_groups);
    for (int i = 0; i < c->n_as_extra; i++)
        dump_texts(out, c->as_extra[i].key, &c->as_extra[i].values);
}

/* Cases. */

static void set_field(struct kube_source *source, const char *name, const char *value)
{
    const struct {
        const char *name;
        const char **field;
    } fields[] = {
        {"kubeconfig", &source->kubeconfig},       {"context", &source->context},
        {"namespace", &source->namespace},         {"list", &source->list},
        {"home", &source->home},                   {"service_host", &source->service_host},
        {"service_port", &source->service_port},   {"pod_namespace", &source->pod_namespace},
        {"service_account", &source->service_account},
    };
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (strcmp(fields[i].name, name) == 0) {
            *fields[i].field = value;
            return;
        }
    }
    fail_msg("no field %s", name);
}

/* Splits the text in place. */
static struct kube_source source_of(char *text)
{
    struct kube_source source = {0};
    if (!text)
        source.kubeconfig = "input.yaml";
    for (char *line = text ? strtok(text, "\n") : NULL; line; line = strtok(NULL, "\n")) {
        char *colon = strstr(line, ": ");
        assert_non_null(colon);
        *colon = '\0';
        set_field(&source, line, colon + 2);
    }
    return source;
}

static bool run_case(const char *folder, bool valid)
{
    CLEANUP_FREE char *text = cases_read(folder, "source");
    CLEANUP_BUF struct buf got = {0};
    struct kube_source source = source_of(text);
    struct kube_config *config = NULL;
    struct err err = ERR_INIT;
    assert_int_equal(chdir(folder), 0);
    int failed = kube_config_load(&source, &config, &err);
    assert_int_equal(failed == 0, config != NULL);
    if (config)
        dump(&got, config);
    else
        buf_printf(&got, "%s\n", err.text);
    kube_config_free(config);
    bool good = (failed == 0) == valid;
    if (!good)
        print_error("%s: %s\n", folder, failed ? err.text : "accepted");
    if (failed && (strstr(err.text, "SECRET") || err_exit_status(err.class) == 0)) {
        print_error("%s: tells a secret, or has no class: %s\n", folder, err.text);
        good = false;
    }
    return good && cases_match(data_folder, folder, valid ? "expect" : "error", buf_cstr(&got));
}

static void test_valid(void **state)
{
    (void)state;
    cases_run(data_folder, true, 25, run_case);
}

static void test_invalid(void **state)
{
    (void)state;
    cases_run(data_folder, false, 35, run_case);
}

/* What no checked-in file can be. */

static void expect_error(const struct kube_source *source, enum err_class class, const char *expected)
{
    struct kube_config *config = NULL;
    struct err err = ERR_INIT;
    assert_int_equal(kube_config_load(source, &config, &err), -1);
    assert_null(config);
    assert_string_equal(err.text, expected);
    assert_int_equal(err.class, class);
}

static char *in_folder(const char *folder, const char *name, const char *text, size_t len)
{
    char *path = path_join(folder, name);
    struct err err = ERR_INIT;
    assert_int_equal(file_replace(path, text, len, 0600, &err), 0);
    return path;
}

static void test_files(void **state)
{
    (void)state;
    char folder[] = "/tmp/ktbatch-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    struct err err = ERR_INIT;
    CLEANUP_FREE char *nul = in_folder(folder, "nul", "users: \0SECRET", 14);
    CLEANUP_FREE char *nul_error = mem_printf("%s:1:8: byte 0x00 is a NUL byte; a kubeconfig is text", nul);
    CLEANUP_FREE char *folder_error = mem_printf("%s: Is a directory", folder);
    CLEANUP_FREE char *list = mem_printf("%s:%s", "/nonexistent/a", folder);
    CLEANUP_FREE char *big = path_join(folder, "big");
    CLEANUP_FREE char *big_error = mem_printf("%s: larger than the limit of 16777216 bytes", big);
    CLEANUP_CLOSE int fd = open(big, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 100 << 20), 0);
    expect_error(&(struct kube_source){.kubeconfig = nul}, ERR_USAGE, nul_error);
    expect_error(&(struct kube_source){.kubeconfig = folder}, ERR_SYSTEM, folder_error);
    expect_error(&(struct kube_source){.list = list}, ERR_SYSTEM, folder_error);
    expect_error(&(struct kube_source){.kubeconfig = big}, ERR_USAGE, big_error);
    expect_error(&(struct kube_source){.kubeconfig = "/nonexistent/c"}, ERR_SYSTEM, "/nonexistent/c: No such file or directory");
    assert_int_equal(path_remove(folder, &err), 0);
}

static void test_many_files(void **state)
{
    (void)state;
    char folder[] = "/tmp/ktbatch-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    struct err err = ERR_INIT;
    CLEANUP_BUF struct buf list = {0};
    for (int i = 0; i <= KUBE_FILES_MAX; i++) {
        CLEANUP_FREE char *name = mem_printf("%d", i);
        CLEANUP_FREE char *path = in_folder(folder, name, "kind: Config\n", 13);
        /* A file that is named twice is one. */
        buf_printf(&list, "%s:%s:", path, path);
    }
    expect_error(&(struct kube_source){.list = buf_cstr(&list)}, ERR_USAGE, "KUBECONFIG names more than 64 files");
    assert_int_equal(path_remove(folder, &err), 0);
}

static void expect_token(const char *path, const char *expected, const char *problem)
{
    struct err err = ERR_INIT;
    char *token = NULL;
    int failed = kube_token_read(path, &token, &err);
    if (expected)
        assert_string_equal(token, expected);
    else
        assert_true(failed && !token && strstr(err.text, problem) && !strstr(err.text, "SECRET"));
    free(token);
}

/* A token file is read again and again, and another process writes it. */
static void test_token(void **state)
{
    (void)state;
    char folder[] = "/tmp/ktbatch-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    struct err err = ERR_INIT;
    CLEANUP_FREE char *path = in_folder(folder, "token", "\n first \r\n", 10);
    expect_token(path, "first", NULL);
    free(in_folder(folder, "token", "second", 6));
    expect_token(path, "second", NULL);
    free(in_folder(folder, "token", " \n\t", 3));
    expect_token(path, NULL, "no token in it");
    free(in_folder(folder, "token", "SECRET\nX: y", 11));
    expect_token(path, NULL, "control characters");
    free(in_folder(folder, "token", "SEC\0RET", 7));
    expect_token(path, NULL, "control characters");
    free(in_folder(folder, "token", "", 0));
    expect_token(path, NULL, "no token in it");
    assert_int_equal(path_remove(folder, &err), 0);
    expect_token(path, NULL, "No such file");
}

static void test_env(void **state)
{
    (void)state;
    struct kube_source source = {.context = "stale"};
    setenv("KUBECONFIG", "/a:/b", 1);
    setenv("HOME", "/h", 1);
    setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1", 1);
    unsetenv("KUBERNETES_SERVICE_PORT");
    kube_source_env(&source);
    assert_string_equal(source.list, "/a:/b");
    assert_string_equal(source.home, "/h");
    assert_string_equal(source.service_host, "10.0.0.1");
    assert_null(source.service_port);
    assert_null(source.context);
}

static void test_base64(void **state)
{
    (void)state;
    static const struct {
        const char *text, *bytes; /* NULL: none */
    } cases[] = {
        {"", ""},          {"Zg==", "f"},     {"Zm8=", "fo"},    {"Zm9v", "foo"},    {"Zm9v\r\nYmFy\n", "foobar"}, {"+/+/", "\xfb\xff\xbf"},
        {"Zg=", NULL},     {"Zg", NULL},      {"Z", NULL},       {"Z===", NULL},     {"====", NULL},                {"Zg==Zg==", NULL},
        {"Zm9v=", NULL},   {"Zm 9v", NULL},   {"Zm9_", NULL},    {"Zg=v", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP_BUF struct buf b = {0};
        assert_int_equal(base64_decode(slice_str(cases[i].text), &b), cases[i].bytes != NULL);
        if (cases[i].bytes)
            assert_string_equal(buf_cstr(&b), cases[i].bytes);
    }
}

int main(void)
{
    const char *top = getenv("top_srcdir");
    CLEANUP_FREE char *folder = path_join(top ? top : ".", "tests/data/kubeconfig");
    /* As getcwd() tells it. */
    CLEANUP_FREE char *real = realpath(folder, NULL);
    if (!real)
        return 1;
    data_folder = real;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),      cmocka_unit_test(test_invalid), cmocka_unit_test(test_files),
        cmocka_unit_test(test_many_files), cmocka_unit_test(test_token),   cmocka_unit_test(test_env),
        cmocka_unit_test(test_base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
