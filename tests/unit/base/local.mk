if HAVE_CMOCKA
check_PROGRAMS += %D%/test_clock %D%/test_decimal %D%/test_digest %D%/test_files %D%/test_json %D%/test_text
TESTS += %D%/test_clock %D%/test_decimal %D%/test_digest %D%/test_files %D%/test_json %D%/test_text
%C%_test_clock_SOURCES = %D%/test_clock.c
%C%_test_clock_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_clock_LDADD = $(LIBS_BASE) $(CMOCKA_LIBS)
%C%_test_decimal_SOURCES = %D%/test_decimal.c
%C%_test_decimal_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_decimal_LDADD = $(LIBS_BASE) $(CMOCKA_LIBS)
%C%_test_digest_SOURCES = %D%/test_digest.c
%C%_test_digest_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_digest_LDADD = $(LIBS_BASE) $(CMOCKA_LIBS)
%C%_test_files_SOURCES = %D%/test_files.c
%C%_test_files_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_files_LDADD = $(LIBS_BASE) $(CMOCKA_LIBS)
%C%_test_json_SOURCES = %D%/test_json.c
%C%_test_json_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_json_LDADD = $(LIBS_BASE) $(CMOCKA_LIBS)
%C%_test_text_SOURCES = %D%/test_text.c
%C%_test_text_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_text_LDADD = $(LIBS_BASE) $(CMOCKA_LIBS)
endif

# The reader of JSON text against an independent one.
if HAVE_JANSSON
check_PROGRAMS += %D%/test_json_judged
TESTS += %D%/test_json_judged
%C%_test_json_judged_SOURCES = %D%/test_json_judged.c %D%/judge.c %D%/judge.h
%C%_test_json_judged_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
%C%_test_json_judged_LDADD = $(LIBS_BASE) $(CMOCKA_LIBS) $(JANSSON_LIBS)
endif
