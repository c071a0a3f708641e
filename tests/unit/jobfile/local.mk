if HAVE_CMOCKA
check_PROGRAMS += %D%/test_jobfile
TESTS += %D%/test_jobfile
%C%_test_jobfile_SOURCES = %D%/test_jobfile.c
%C%_test_jobfile_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_jobfile_LDADD = $(LIBS_JOBFILE) $(CMOCKA_LIBS)
endif
EXTRA_DIST += tests/data/jobfile
