noinst_LIBRARIES += %D%/libdispatch.a
%C%_libdispatch_a_SOURCES = \
	%D%/answers.c \
	%D%/batch.c %D%/batch.h \
	%D%/dispatch.c %D%/dispatch.h \
	%D%/inside.h \
	%D%/links.c \
	%D%/output.c %D%/output.h \
	%D%/sched.c %D%/sched.h \
	%D%/session.c %D%/session.h \
	%D%/signals.c \
	%D%/stats.c \
	%D%/supply.c \
	%D%/writer.c %D%/writer.h
