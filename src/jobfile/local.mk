noinst_LIBRARIES += %D%/libjobfile.a
%C%_libjobfile_a_SOURCES = \
	%D%/args.c \
	%D%/identity.c \
	%D%/job.c %D%/job.h \
	%D%/jobfile.c %D%/jobfile.h \
	%D%/keys.c \
	%D%/lookup.c \
	%D%/policy.c \
	%D%/reader.h \
	%D%/runname.c \
	%D%/sets.c \
	%D%/shellwords.c %D%/shellwords.h \
	%D%/task.c \
	%D%/template.c %D%/template.h \
	%D%/zip.c
