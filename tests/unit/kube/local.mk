if HAVE_CMOCKA
check_PROGRAMS += %D%/test_config
TESTS += %D%/test_config
%C%_test_config_SOURCES = %D%/test_config.c tests/unit/cases.c tests/unit/cases.h
%C%_test_config_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
%C%_test_config_LDADD = $(LIBS_KUBE) $(CMOCKA_LIBS)
endif
EXTRA_DIST += tests/data/kubeconfig
