if HAVE_CMOCKA
check_PROGRAMS += %D%/test_jobfile %D%/test_shellwords %D%/test_template
TESTS += %D%/test_jobfile %D%/test_shellwords %D%/test_template
%C%_test_jobfile_SOURCES = %D%/test_jobfile.c tests/unit/cases.c tests/unit/cases.h
%C%_test_jobfile_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_jobfile_LDADD = $(LIBS_JOBFILE) $(CMOCKA_LIBS)
%C%_test_shellwords_SOURCES = %D%/test_shellwords.c
%C%_test_shellwords_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_shellwords_LDADD = $(LIBS_JOBFILE) $(CMOCKA_LIBS)
%C%_test_template_SOURCES = %D%/test_template.c
%C%_test_template_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_template_LDADD = $(LIBS_JOBFILE) $(CMOCKA_LIBS)
endif
TESTS += %D%/check-schema
dist_check_SCRIPTS += %D%/check-schema
EXTRA_DIST += tests/data/jobfile
