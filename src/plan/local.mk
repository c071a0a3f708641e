noinst_LIBRARIES += %D%/libplan.a
%C%_libplan_a_SOURCES = \
	%D%/command.c \
	%D%/lines.c %D%/lines.h \
	%D%/plan.c %D%/plan.h \
	%D%/space.c %D%/space.h \
	%D%/taskset.c %D%/taskset.h \
	%D%/values.c %D%/values.h
