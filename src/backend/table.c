/* The table of backends. See backend.h. */
#include "backend/backend.h"

#include <string.h>

const struct backend_ops *const backend_table[] = {&backend_local, &backend_fake, NULL};

const struct backend_ops *backend_find(const char *name)
{
    for (size_t i = 0; backend_table[i]; i++)
        if (strcmp(backend_table[i]->name, name) == 0)
            return backend_table[i];
    return NULL;
}
