noinst_LIBRARIES += %D%/libkube.a
%C%_libkube_a_SOURCES = \
	%D%/config.c %D%/config.h \
	%D%/kubeconfig.c %D%/kubeconfig.h
