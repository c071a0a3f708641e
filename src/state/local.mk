noinst_LIBRARIES += %D%/libstate.a
%C%_libstate_a_SOURCES = \
	%D%/commit.c \
	%D%/condition.c \
	%D%/db.c %D%/db.h \
	%D%/inside.h \
	%D%/lock.c \
	%D%/migrations.h \
	%D%/pattern.c \
	%D%/rows.c \
	%D%/run_state.c %D%/run_state.h \
	%D%/runs.c \
	%D%/scan.c \
	%D%/sql.c %D%/sql.h \
	%D%/state.c %D%/state.h \
	%D%/value.c \
	%D%/views.c
nodist_%C%_libstate_a_SOURCES = schemas/migrations.c
