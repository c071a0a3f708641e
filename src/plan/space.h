/* The values of linspace and geomspace. */
#ifndef KT_PLAN_SPACE_H
#define KT_PLAN_SPACE_H

#include "jobfile/job.h"
#include "plan/values.h"

/* Appends the values of an argument of kind ARG_LINSPACE or ARG_GEOMSPACE: both ends as they are written, the
 * others to 15 significant digits. One value alone is `from`. */
void space_values(const struct job_arg *arg, struct values *ret);

#endif
