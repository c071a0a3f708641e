noinst_LIBRARIES += %D%/libresults.a
%C%_libresults_a_SOURCES = \
	%D%/inside.h %D%/output.c \
	%D%/results.c %D%/results.h
