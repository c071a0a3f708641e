# Unit tests of cli.
if HAVE_CMOCKA
check_PROGRAMS += %D%/test_database %D%/test_options %D%/test_output %D%/test_progress
TESTS += %D%/test_database %D%/test_options %D%/test_output %D%/test_progress
%C%_test_database_SOURCES = %D%/test_database.c
%C%_test_database_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_database_LDADD = $(LIBS_CLI) $(CMOCKA_LIBS)
%C%_test_options_SOURCES = %D%/test_options.c
%C%_test_options_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_options_LDADD = $(LIBS_CLI) $(CMOCKA_LIBS)
%C%_test_output_SOURCES = %D%/test_output.c
%C%_test_output_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_output_LDADD = $(LIBS_CLI) $(CMOCKA_LIBS)
%C%_test_progress_SOURCES = %D%/test_progress.c
%C%_test_progress_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_progress_LDADD = $(LIBS_CLI) $(CMOCKA_LIBS)
endif
