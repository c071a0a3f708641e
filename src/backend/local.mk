noinst_LIBRARIES += %D%/libbackend.a
%C%_libbackend_a_SOURCES = \
	%D%/backend.h \
	%D%/fake.c \
	%D%/local.c \
	%D%/orphans.c %D%/orphans.h \
	%D%/table.c
