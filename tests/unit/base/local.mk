if HAVE_CMOCKA
check_PROGRAMS += %D%/test_json
TESTS += %D%/test_json
%C%_test_json_SOURCES = %D%/test_json.c
%C%_test_json_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_json_LDADD = $(LIBS_BASE) $(CMOCKA_LIBS)
endif
