/* See setup.h. The latest one is kept for the next session, which as a rule is one of the same run. */
#include "setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "library.h"
#include "own_memory.h"

static struct setup *latest;

static void find_function(struct setup *setup)
{
    const struct message_setup *m = &setup->message;
    struct err why = ERR_INIT;
    if (library_find(m->library, m->function, &setup->function, &why)) {
        setup->refusal = mem_strdup(why.text);
        return;
    }
    const char *other = library_differs(m->library, m->digest);
    if (other)
        fprintf(stderr, "ktbatch-worker: %s is another one than the runner's; going on with it\n", other);
}

static int make(struct slice body, struct setup **ret, struct err *err)
{
    struct setup *setup = MEM_NEW(struct setup);
    setup->holders = 1;
    buf_add_slice(&setup->body, body);
    const struct frame f = {FRAME_SETUP, setup->body.data, setup->body.len};
    if (message_setup_read(&f, &setup->message, &setup->texts, err)) {
        setup_release(setup);
        return -1;
    }
    if (!setup->message.command)
        find_function(setup);
    *ret = setup;
    return 0;
}

int setup_get(struct slice body, struct setup **ret, struct err *err)
{
    if (!latest || latest->body.len != body.len || memcmp(latest->body.data, body.p, body.len)) {
        bool own = own_memory_use(false);
        struct setup *setup = NULL;
        int failed = make(body, &setup, err);
        own_memory_use(own);
        if (failed)
            return -1;
        if (setup->refusal) { /* the library may be there the next time */
            *ret = setup;
            return 0;
        }
        setup_release(latest);
        latest = setup;
    }
    latest->holders++;
    *ret = latest;
    return 0;
}

void setup_release(struct setup *setup)
{
    if (!setup || --setup->holders)
        return;
    buf_done(&setup->body);
    buf_done(&setup->texts);
    free(setup->refusal);
    free(setup);
}
