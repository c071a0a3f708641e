/* Files of lines as lists of values. */
#ifndef KT_PLAN_LINES_H
#define KT_PLAN_LINES_H

#include "base/err.h"
#include "plan/values.h"

/* Makes `ret` the lines of a text file as JSON strings. The carriage return before a newline goes, and so
 * do lines of nothing but spaces and a byte order mark. Error ERR_JOBFILE with "FILE:LINE: " where a line is at
 * fault: no UTF-8, a NUL byte; or if there are no lines, or more than JOB_LISTED_MAX. */
int lines_read(const char *path, struct values *ret, struct err *err);

#endif
