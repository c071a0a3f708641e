# Unit tests of backend.
if HAVE_CMOCKA
check_PROGRAMS += %D%/test_backend
TESTS += %D%/test_backend
%C%_test_backend_SOURCES = %D%/test_backend.c
%C%_test_backend_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_backend_LDADD = $(LIBS_BACKEND) $(CMOCKA_LIBS)
endif
