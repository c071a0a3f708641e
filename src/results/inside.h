/* What the files of results share and nobody else sees. */
#ifndef KT_RESULTS_INSIDE_H
#define KT_RESULTS_INSIDE_H

#include "base/err.h"

#define RESULTS_TEMPORARY "tmp"

/* A name for a temporary file in the results' folder that no other one has; `*ret` is the caller's. */
int results_temporary(const char *folder, const char *name, char **ret, struct err *err);

#endif
