# The runnable examples and their task libraries. A task library knows one header of ours and links nothing.
EXTRA_DIST += %D%/power_op.c %D%/faulty.c \
	%D%/cubes.yaml %D%/cubes-oneshot.yaml %D%/sweep.yaml %D%/zip.yaml %D%/faults.yaml

tasklib_DATA += %D%/power_op.so
noinst_DATA += %D%/faulty.so
CLEANFILES += %D%/power_op.so %D%/faulty.so

jobs/power_op.so: %D%/power_op.c worker/ktbatch_task.h
jobs/faulty.so: %D%/faulty.c worker/ktbatch_task.h
jobs/power_op.so jobs/faulty.so:
	$(AM_V_CCLD)$(MKDIR_P) jobs && $(CC) $(CPPFLAGS) -I$(srcdir)/worker $(CFLAGS) -Wall -Wextra -shared -fPIC -o $@ \
		`test -f $(@:.so=.c) || echo $(srcdir)/`$(@:.so=.c)
