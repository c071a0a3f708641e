if HAVE_CMOCKA
check_PROGRAMS += %D%/test_results
TESTS += %D%/test_results
%C%_test_results_SOURCES = %D%/test_results.c
%C%_test_results_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_results_LDADD = $(LIBS_RESULTS) $(CMOCKA_LIBS)
endif
