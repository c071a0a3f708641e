/* Task libraries: found, loaded once, never unloaded. */
#ifndef KT_WORKER_LIBRARY_H
#define KT_WORKER_LIBRARY_H

#include "base/buf.h"
#include "base/err.h"
#include "ktbatch_task.h"

/* Where to look, in this order, before the installed folder. `folder` is kept, not copied. */
void library_add_folder(const char *folder);
/* Loads LIBRARY.so, if it is not loaded, and finds the function. The error says where was looked, or which functions there
 * are. */
int library_find(struct slice library, struct slice function, const struct ktbatch_function **ret, struct err *err);
/* The path of a loaded library if its SHA-256 is not `digest` (in hex; empty: not known), the first time; else NULL. */
const char *library_differs(struct slice library, struct slice digest);

#endif
