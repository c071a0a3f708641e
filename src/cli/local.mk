noinst_LIBRARIES += %D%/libcli.a
%C%_libcli_a_SOURCES = \
	%D%/cmd_apply.c \
	%D%/cmd_cancel.c \
	%D%/cmd_delete.c \
	%D%/cmd_failures.c \
	%D%/cmd_help.c \
	%D%/cmd_list.c \
	%D%/cmd_logs.c \
	%D%/cmd_plan.c \
	%D%/cmd_results.c \
	%D%/cmd_resume.c \
	%D%/cmd_retry.c \
	%D%/cmd_schema.c \
	%D%/cmd_status.c \
	%D%/cmd_validate.c \
	%D%/cmd_version.c \
	%D%/command.h \
	%D%/commands.c \
	%D%/database.c %D%/database.h \
	%D%/jobs.c %D%/jobs.h \
	%D%/options.c %D%/options.h \
	%D%/output.c %D%/output.h \
	%D%/progress.c %D%/progress.h \
	%D%/run_again.c %D%/run_again.h \
	%D%/say.c \
	%D%/schema_text.h \
	%D%/show.c %D%/show.h
nodist_%C%_libcli_a_SOURCES = schemas/schema_text.c

bin_PROGRAMS += ktbatch
ktbatch_SOURCES = %D%/main.c
ktbatch_LDADD = $(LIBS_CLI)
ktbatch_LDFLAGS = $(EXE_LINK)
