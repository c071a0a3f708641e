/* Any bytes as a kubeconfig: there is a configuration that can be used, or an error with words, never both.
 *
 * Beside not crashing: a server that is spoken to in clear is given no credentials.
 */
#include "fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/files.h"
#include "base/mem.h"
#include "kube/config.h"

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void use(const struct kube_config *c)
{
    bool clear = strncmp(c->server, "http://", 7) == 0;
    require(clear || strncmp(c->server, "https://", 8) == 0);
    require(*c->namespace && c->origin && c->context);
    require(!c->token || strlen(c->token));
    require((c->cert.bytes || c->cert.path) == (c->key.bytes || c->key.path));
    require(!c->exec || (!c->token && !c->token_file && !c->username && c->exec->command && c->exec->api_version));
    if (clear)
        require(!c->token && !c->token_file && !c->username && !c->exec && !c->as && !c->cert.bytes && !c->cert.path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int once;
    if (!once++ && !freopen("/dev/null", "r", stdin))
        abort();
    struct err err = ERR_INIT;
    struct kube_config *config = NULL;
    int fd = memfd_create("kubeconfig", MFD_CLOEXEC);
    require(fd >= 0 && file_write_all(fd, data, size, "memory", &err) == 0);
    CLEANUP_FREE char *path = mem_printf("/proc/self/fd/%d", fd);
    const struct kube_source source = {.kubeconfig = path};
    int failed = kube_config_load(&source, &config, &err);
    require((failed == 0) == (config != NULL) && (failed == 0) == (err.text[0] == '\0'));
    require(!failed || (err.class != ERR_NONE && !strchr(err.text, '\n')));
    if (config)
        use(config);
    kube_config_free(config);
    close(fd);
    return 0;
}
