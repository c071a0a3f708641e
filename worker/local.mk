# The worker. All but main() is a convenience library, for the unit tests.
noinst_LIBRARIES += %D%/libworker.a
%C%_libworker_a_SOURCES = \
	%D%/channel.c %D%/channel.h \
	%D%/children.c %D%/children.h \
	%D%/command.c %D%/command.h \
	%D%/command_run.c \
	%D%/executor.c %D%/executor.h \
	%D%/function_run.c \
	%D%/library.c %D%/library.h \
	%D%/listener.c %D%/listener.h \
	%D%/loop.c %D%/loop.h \
	%D%/own_memory.c %D%/own_memory.h \
	%D%/process.c %D%/process.h \
	%D%/setup.c %D%/setup.h \
	%D%/shared_memory.c %D%/shared_memory.h \
	%D%/session.c %D%/session.h %D%/session_inside.h \
	%D%/task_api.c %D%/task_api.h

bin_PROGRAMS += ktbatch-worker
ktbatch_worker_SOURCES = %D%/main.c
ktbatch_worker_LDADD = %D%/libworker.a src/wire/libwire.a src/base/libbase.a $(WORKER_NETTLE_LIBS) -ldl
# See own_memory.h. Code and constants in one mapping: two mappings less for each fork to copy.
OWN_MEMORY = -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free
ktbatch_worker_LDFLAGS = $(EXE_LINK) $(OWN_MEMORY) -Wl,-z,noseparate-code

include_HEADERS += %D%/ktbatch_task.h
