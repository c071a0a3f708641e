# The worker, as a runner sees it.
if HAVE_CMOCKA
check_PROGRAMS += %D%/test_worker
TESTS += %D%/test_worker
%C%_test_worker_SOURCES = %D%/test_worker.c %D%/client.c %D%/client.h
%C%_test_worker_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_worker_LDADD = $(LIBS_WIRE) $(CMOCKA_LIBS)
endif
